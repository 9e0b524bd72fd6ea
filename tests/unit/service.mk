# The program as a service: what systemd is told, and its unit.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_service_notify
TESTS += tests/unit/test_service_notify
endif
tests_unit_test_service_notify_SOURCES = tests/unit/test_service_notify.c daemon/service_notify.c
tests_unit_test_service_notify_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_service_notify_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_unit.sh
EXTRA_DIST += tests/unit/test_unit.sh
TESTS += tests/systemd/test_systemd.sh
EXTRA_DIST += tests/systemd/test_systemd.sh tests/systemd/inside.sh
