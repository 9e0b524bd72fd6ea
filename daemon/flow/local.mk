libtidemark_a_SOURCES += \
	daemon/flow/common_options.c daemon/flow/common_options.h \
	daemon/flow/compile.c \
	daemon/flow/engine.c daemon/flow/engine.h daemon/flow/engine_internal.h \
	daemon/flow/engine_clock.c \
	daemon/flow/engine_give_up.c \
	daemon/flow/engine_metrics.c \
	daemon/flow/engine_commits.c daemon/flow/engine_notes.c \
	daemon/flow/engine_partitions.c \
	daemon/flow/engine_rejects.c \
	daemon/flow/engine_sinks.c \
	daemon/flow/engine_snapshot.c \
	daemon/flow/engine_tap.c \
	daemon/flow/epoch.h \
	daemon/flow/explain.c \
	daemon/flow/figures.h \
	daemon/flow/graph.h \
	daemon/flow/kafka_access.c daemon/flow/kafka_access.h \
	daemon/flow/log_record.c daemon/flow/log_record.h \
	daemon/flow/log_unrun.c daemon/flow/log_unrun.h \
	daemon/flow/metrics.c daemon/flow/metrics.def daemon/flow/metrics.h \
	daemon/flow/plugin.h \
	daemon/flow/promise.c daemon/flow/promise.h \
	daemon/flow/recover.c \
	daemon/flow/registry.c \
	daemon/flow/run.h \
	daemon/flow/run_chain.c \
	daemon/flow/run_errors.c \
	daemon/flow/run_figures.c \
	daemon/flow/run_keyed.c \
	daemon/flow/run_merge.c \
	daemon/flow/run_tap.c \
	daemon/flow/run_source.c \
	daemon/flow/runner.c daemon/flow/runner.h \
	daemon/flow/source_time.c daemon/flow/source_time.h \
	daemon/flow/state_dir.c \
	daemon/flow/take.c \
	daemon/flow/watermark.c daemon/flow/watermark.h
