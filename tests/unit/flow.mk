# Unit tests of flow.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_engine_sim tests/unit/test_watermark
TESTS += tests/unit/test_engine_sim tests/unit/test_watermark
endif
tests_unit_test_engine_sim_SOURCES = tests/unit/test_engine_sim.c
tests_unit_test_engine_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_sim_LDADD = $(TEST_LIBS)
tests_unit_test_watermark_SOURCES = tests/unit/test_watermark.c
tests_unit_test_watermark_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_watermark_LDADD = $(TEST_LIBS)
