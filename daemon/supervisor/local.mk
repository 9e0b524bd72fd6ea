# supervisor: what this folder adds to the build.
libtidemark_a_SOURCES += \
	daemon/supervisor/configuration.c daemon/supervisor/configuration.h \
	daemon/supervisor/give_up.c daemon/supervisor/give_up.h \
	daemon/supervisor/plan.c daemon/supervisor/plan.h \
	daemon/supervisor/reload_note.c daemon/supervisor/reload_note.h \
	daemon/supervisor/running.c daemon/supervisor/running.h \
	daemon/supervisor/supervisor.c daemon/supervisor/supervisor.h
