# Tests of sinks: each holds its sink to the contract of the harness.
SINK_HARNESS = $(COMPONENT_HARNESS) tests/contract/sink_harness.c tests/contract/sink_harness.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_engine_http tests/unit/test_sink_file tests/unit/test_sink_http tests/unit/test_sinks
TESTS += tests/unit/test_engine_http tests/unit/test_sink_file tests/unit/test_sink_http tests/unit/test_sinks
endif
tests_unit_test_sink_file_SOURCES = tests/unit/test_sink_file.c $(SINK_HARNESS)
tests_unit_test_sink_file_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sink_file_LDADD = $(TEST_LIBS)
tests_unit_test_engine_http_SOURCES = tests/unit/test_engine_http.c tests/unit/receiver.c tests/unit/receiver.h $(ENGINE_WORLD)
tests_unit_test_engine_http_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_http_LDADD = $(TEST_LIBS)
tests_unit_test_sink_http_SOURCES = tests/unit/test_sink_http.c $(SINK_HARNESS)
tests_unit_test_sink_http_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sink_http_LDADD = $(TEST_LIBS)
tests_unit_test_sinks_SOURCES = tests/unit/test_sinks.c $(SINK_HARNESS)
tests_unit_test_sinks_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sinks_LDADD = $(TEST_LIBS)
