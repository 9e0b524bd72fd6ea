# Unit tests of flow.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_engine_sim
TESTS += tests/unit/test_engine_sim
endif
tests_unit_test_engine_sim_SOURCES = tests/unit/test_engine_sim.c
tests_unit_test_engine_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_sim_LDADD = $(TEST_LIBS)
