# Unit tests of io: contracts over both implementations, and what only the simulated one can do.
if HAVE_CMOCKA
io_tests = tests/unit/test_io_disk \
	tests/unit/test_io_loop \
	tests/unit/test_io_exec \
	tests/unit/test_io_fetch \
	tests/unit/test_io_kafka_sim \
	tests/unit/test_io_memory \
	tests/unit/test_io_net \
	tests/unit/test_io_datagram \
	tests/unit/test_io_process \
	tests/unit/test_io_sim \
	tests/unit/test_io_watch
check_PROGRAMS += $(io_tests)
TESTS += $(io_tests)
endif
io_world = tests/unit/io_world.c tests/unit/io_world.h
tests_unit_test_io_disk_SOURCES = tests/unit/test_io_disk.c $(io_world)
tests_unit_test_io_disk_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_disk_LDADD = $(TEST_LIBS)
tests_unit_test_io_loop_SOURCES = tests/unit/test_io_loop.c $(io_world)
tests_unit_test_io_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_loop_LDADD = $(TEST_LIBS)
tests_unit_test_io_exec_SOURCES = tests/unit/test_io_exec.c $(io_world)
tests_unit_test_io_exec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_exec_LDADD = $(TEST_LIBS)
tests_unit_test_io_fetch_SOURCES = tests/unit/test_io_fetch.c $(io_world)
tests_unit_test_io_fetch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_fetch_LDADD = $(TEST_LIBS)
tests_unit_test_io_kafka_sim_SOURCES = tests/unit/test_io_kafka_sim.c $(io_world)
tests_unit_test_io_kafka_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_kafka_sim_LDADD = $(TEST_LIBS)
tests_unit_test_io_memory_SOURCES = tests/unit/test_io_memory.c $(io_world)
tests_unit_test_io_memory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_memory_LDADD = $(TEST_LIBS)
tests_unit_test_io_net_SOURCES = tests/unit/test_io_net.c $(io_world)
tests_unit_test_io_net_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_net_LDADD = $(TEST_LIBS)
tests_unit_test_io_sim_SOURCES = tests/unit/test_io_sim.c $(io_world)
tests_unit_test_io_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_sim_LDADD = $(TEST_LIBS)
tests_unit_test_io_watch_SOURCES = tests/unit/test_io_watch.c $(io_world)
tests_unit_test_io_watch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_watch_LDADD = $(TEST_LIBS)
tests_unit_test_io_datagram_SOURCES = tests/unit/test_io_datagram.c $(io_world)
tests_unit_test_io_datagram_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_datagram_LDADD = $(TEST_LIBS)
tests_unit_test_io_process_SOURCES = tests/unit/test_io_process.c $(io_world)
tests_unit_test_io_process_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_process_LDADD = $(TEST_LIBS)
