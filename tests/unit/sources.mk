# Tests of sources: each holds its source to the contract of the harness.
SOURCE_HARNESS = $(COMPONENT_HARNESS) tests/contract/source_harness.c tests/contract/source_harness.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_source_file tests/unit/test_source_generate \
	tests/unit/test_source_stdin tests/unit/test_source_tail tests/unit/test_source_tail_storm
TESTS += tests/unit/test_source_file tests/unit/test_source_generate tests/unit/test_source_stdin \
	tests/unit/test_source_tail tests/unit/test_source_tail_storm
check_PROGRAMS += tests/unit/test_source_socket tests/unit/test_source_exec
TESTS += tests/unit/test_source_socket tests/unit/test_source_exec
check_PROGRAMS += tests/unit/test_source_http tests/unit/test_source_kafka
TESTS += tests/unit/test_source_http tests/unit/test_source_kafka
endif
tests_unit_test_source_file_SOURCES = tests/unit/test_source_file.c $(SOURCE_HARNESS)
tests_unit_test_source_file_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_file_LDADD = $(TEST_LIBS)
tests_unit_test_source_generate_SOURCES = tests/unit/test_source_generate.c $(SOURCE_HARNESS)
tests_unit_test_source_generate_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_generate_LDADD = $(TEST_LIBS)
tests_unit_test_source_stdin_SOURCES = tests/unit/test_source_stdin.c $(SOURCE_HARNESS)
tests_unit_test_source_stdin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_stdin_LDADD = $(TEST_LIBS)
tests_unit_test_source_tail_SOURCES = tests/unit/test_source_tail.c $(FOLLOWED)
tests_unit_test_source_tail_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_tail_LDADD = $(TEST_LIBS)
tests_unit_test_source_socket_SOURCES = tests/unit/test_source_socket.c $(SOURCE_HARNESS)
tests_unit_test_source_socket_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_socket_LDADD = $(TEST_LIBS)
tests_unit_test_source_kafka_SOURCES = tests/unit/test_source_kafka.c $(SOURCE_HARNESS)
tests_unit_test_source_kafka_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_kafka_LDADD = $(TEST_LIBS)
tests_unit_test_source_exec_SOURCES = tests/unit/test_source_exec.c $(SOURCE_HARNESS)
tests_unit_test_source_exec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_exec_LDADD = $(TEST_LIBS)
tests_unit_test_source_http_SOURCES = tests/unit/test_source_http.c $(SOURCE_HARNESS) \
	tests/unit/http_client.c tests/unit/http_client.h
tests_unit_test_source_http_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_http_LDADD = $(TEST_LIBS)
FOLLOWED = tests/unit/followed.c tests/unit/followed.h $(SOURCE_HARNESS)
tests_unit_test_source_tail_storm_SOURCES = tests/unit/test_source_tail_storm.c $(FOLLOWED)
tests_unit_test_source_tail_storm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_source_tail_storm_LDADD = $(TEST_LIBS)
