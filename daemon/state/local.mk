libtidemark_a_SOURCES += \
	daemon/state/field.c \
	daemon/state/snapshot.c daemon/state/snapshot.h \
	daemon/state/table.c daemon/state/table.h
EXTRA_DIST += daemon/state/README.md
