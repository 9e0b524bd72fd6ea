# daemon/record: sources are added to libtidemark_a_SOURCES here.
libtidemark_a_SOURCES += \
	daemon/record/time.c daemon/record/time.h \
	daemon/record/time_calendar.h \
	daemon/record/time_duration.c \
	daemon/record/time_format.c \
	daemon/record/time_zone.c daemon/record/time_zone.h \
	daemon/record/time_zone_file.c
