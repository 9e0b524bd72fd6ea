# Tests of transforms: each case runs in every way of the contract harness.
TRANSFORM_HARNESS = $(COMPONENT_HARNESS) tests/contract/transform_harness.c tests/contract/transform_harness.h
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_aggregate tests/unit/test_dedup tests/unit/test_transforms \
	tests/unit/test_window
TESTS += tests/unit/test_aggregate tests/unit/test_dedup tests/unit/test_transforms tests/unit/test_window
endif
tests_unit_test_transforms_SOURCES = tests/unit/test_transforms.c $(TRANSFORM_HARNESS)
tests_unit_test_transforms_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_transforms_LDADD = $(TEST_LIBS)
tests_unit_test_dedup_SOURCES = tests/unit/test_dedup.c $(TRANSFORM_HARNESS)
tests_unit_test_dedup_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dedup_LDADD = $(TEST_LIBS)
tests_unit_test_window_SOURCES = tests/unit/test_window.c $(TRANSFORM_HARNESS)
tests_unit_test_window_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_window_LDADD = $(TEST_LIBS)
tests_unit_test_aggregate_SOURCES = tests/unit/test_aggregate.c
tests_unit_test_aggregate_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_aggregate_LDADD = $(TEST_LIBS)
