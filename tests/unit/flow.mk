# Unit tests of flow.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_watermark \
	tests/unit/test_metrics \
	tests/unit/test_admin \
	tests/unit/test_engine_metrics \
	tests/unit/test_engine_sim \
	tests/unit/test_engine_inputs \
	tests/unit/test_engine_clock \
	tests/unit/test_engine_time \
	tests/unit/test_engine_trouble \
	tests/unit/test_engine_stop \
	tests/unit/test_engine_changes tests/unit/test_reload tests/unit/test_give_up tests/unit/test_engine_partitions tests/unit/test_tap \
	tests/unit/test_engine_push tests/unit/test_engine_rejects tests/unit/test_engine_kafka \
	tests/unit/test_engine_kafka_sink
TESTS += tests/unit/test_watermark \
	tests/unit/test_metrics \
	tests/unit/test_admin \
	tests/unit/test_engine_metrics \
	tests/unit/test_engine_sim \
	tests/unit/test_engine_inputs \
	tests/unit/test_engine_clock \
	tests/unit/test_engine_time \
	tests/unit/test_engine_trouble \
	tests/unit/test_engine_stop \
	tests/unit/test_engine_changes tests/unit/test_reload tests/unit/test_give_up tests/unit/test_engine_partitions tests/unit/test_tap \
	tests/unit/test_engine_push tests/unit/test_engine_rejects tests/unit/test_engine_kafka \
	tests/unit/test_engine_kafka_sink
endif
ENGINE_WORLD = tests/unit/engine_world.h tests/unit/engine_world.c
tests_unit_test_engine_sim_SOURCES = tests/unit/test_engine_sim.c $(ENGINE_WORLD)
tests_unit_test_engine_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_sim_LDADD = $(TEST_LIBS)
tests_unit_test_engine_kafka_SOURCES = tests/unit/test_engine_kafka.c $(ENGINE_WORLD)
tests_unit_test_engine_kafka_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_kafka_LDADD = $(TEST_LIBS)
tests_unit_test_engine_kafka_sink_SOURCES = tests/unit/test_engine_kafka_sink.c $(ENGINE_WORLD)
tests_unit_test_engine_kafka_sink_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_kafka_sink_LDADD = $(TEST_LIBS)
tests_unit_test_engine_inputs_SOURCES = tests/unit/test_engine_inputs.c $(ENGINE_WORLD)
tests_unit_test_engine_inputs_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_inputs_LDADD = $(TEST_LIBS)
tests_unit_test_engine_clock_SOURCES = tests/unit/test_engine_clock.c $(ENGINE_WORLD)
tests_unit_test_engine_clock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_clock_LDADD = $(TEST_LIBS)
tests_unit_test_engine_time_SOURCES = tests/unit/test_engine_time.c $(ENGINE_WORLD)
tests_unit_test_engine_time_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_time_LDADD = $(TEST_LIBS)
tests_unit_test_engine_trouble_SOURCES = tests/unit/test_engine_trouble.c $(ENGINE_WORLD)
tests_unit_test_engine_trouble_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_trouble_LDADD = $(TEST_LIBS)
tests_unit_test_engine_stop_SOURCES = tests/unit/test_engine_stop.c $(ENGINE_WORLD)
tests_unit_test_engine_stop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_stop_LDADD = $(TEST_LIBS)
tests_unit_test_engine_partitions_SOURCES = tests/unit/test_engine_partitions.c $(ENGINE_WORLD)
tests_unit_test_engine_partitions_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_partitions_LDADD = $(TEST_LIBS)
tests_unit_test_tap_SOURCES = tests/unit/test_tap.c $(ENGINE_WORLD)
tests_unit_test_tap_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tap_LDADD = $(TEST_LIBS)
RELOAD_WORLD = tests/unit/reload_world.c tests/unit/reload_world.h $(ENGINE_WORLD)
tests_unit_test_reload_SOURCES = tests/unit/test_reload.c $(RELOAD_WORLD)
tests_unit_test_reload_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_reload_LDADD = $(TEST_LIBS)
tests_unit_test_give_up_SOURCES = tests/unit/test_give_up.c tests/unit/receiver.c tests/unit/receiver.h \
	$(RELOAD_WORLD)
tests_unit_test_give_up_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_give_up_LDADD = $(TEST_LIBS)
tests_unit_test_engine_changes_SOURCES = tests/unit/test_engine_changes.c $(ENGINE_WORLD)
tests_unit_test_engine_changes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_changes_LDADD = $(TEST_LIBS)
tests_unit_test_watermark_SOURCES = tests/unit/test_watermark.c
tests_unit_test_watermark_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_watermark_LDADD = $(TEST_LIBS)
tests_unit_test_engine_metrics_SOURCES = tests/unit/test_engine_metrics.c $(ENGINE_WORLD)
tests_unit_test_engine_metrics_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_metrics_LDADD = $(TEST_LIBS)
tests_unit_test_admin_SOURCES = tests/unit/test_admin.c $(ENGINE_WORLD)
tests_unit_test_admin_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_admin_LDADD = $(TEST_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_metrics_LDADD = $(TEST_LIBS)
PUSHER = $(ENGINE_WORLD) tests/unit/pusher.c tests/unit/pusher.h tests/unit/http_client.c tests/unit/http_client.h
tests_unit_test_engine_push_SOURCES = tests/unit/test_engine_push.c $(PUSHER)
tests_unit_test_engine_push_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_push_LDADD = $(TEST_LIBS)
tests_unit_test_engine_rejects_SOURCES = tests/unit/test_engine_rejects.c tests/unit/receiver.c \
	tests/unit/receiver.h $(ENGINE_WORLD)
tests_unit_test_engine_rejects_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_engine_rejects_LDADD = $(TEST_LIBS)
