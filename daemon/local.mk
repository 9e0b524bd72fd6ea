tidemark_SOURCES += \
	daemon/admin_port.c daemon/admin_port.h \
	daemon/ask.c daemon/ask.h \
	daemon/cli.h \
	daemon/cli_common.c \
	daemon/cli_generate.c \
	daemon/cli_lateness.c \
	daemon/cli_list.c \
	daemon/cli_man.c \
	daemon/cli_plan.c \
	daemon/cli_reference.c \
	daemon/cli_reload.c \
	daemon/cli_run.c \
	daemon/cli_tap.c \
	daemon/cli_top.c \
	daemon/cli_validate.c \
	daemon/cli_wal.c \
	daemon/page.c daemon/page.h \
	daemon/progress.c daemon/progress.h \
	daemon/service_notify.c daemon/service_notify.h \
	daemon/totals.c daemon/totals.h
EXTRA_DIST += daemon/README.md daemon/flow/record_errors.def
