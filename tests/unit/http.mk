# Unit tests of the HTTP server.
HTTP_WORLD = tests/unit/http_client.c tests/unit/http_client.h tests/unit/http_echo.c tests/unit/http_echo.h \
	tests/unit/io_world.c tests/unit/io_world.h
HTTP_PIECES = tests/unit/http_pieces.c tests/unit/http_pieces.h $(HTTP_WORLD)
if HAVE_CMOCKA
http_tests = tests/unit/test_http_guard tests/unit/test_http_server tests/unit/test_http_fuzz
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)
endif
tests_unit_test_http_guard_SOURCES = tests/unit/test_http_guard.c $(HTTP_WORLD)
tests_unit_test_http_guard_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_http_guard_LDADD = $(TEST_LIBS)
tests_unit_test_http_server_SOURCES = tests/unit/test_http_server.c $(HTTP_WORLD)
tests_unit_test_http_server_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_http_server_LDADD = $(TEST_LIBS)
tests_unit_test_http_fuzz_SOURCES = tests/unit/test_http_fuzz.c $(HTTP_PIECES)
tests_unit_test_http_fuzz_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_http_fuzz_LDADD = $(TEST_LIBS)
