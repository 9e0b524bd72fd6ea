libtidemark_a_SOURCES += \
	daemon/record/batch.c daemon/record/batch.h \
	daemon/record/json_number.c \
	daemon/record/json_scalar.c daemon/record/json_scalar.h \
	daemon/record/number.cc daemon/record/number.h \
	daemon/record/schema.c daemon/record/schema.h \
	daemon/record/time.c daemon/record/time.h \
	daemon/record/time_calendar.h \
	daemon/record/time_duration.c \
	daemon/record/time_format.c \
	daemon/record/time_zone.c daemon/record/time_zone.h \
	daemon/record/time_zone_file.c \
	daemon/record/time_zone_open.c \
	daemon/record/value.c daemon/record/value.h \
	daemon/record/value_json.c \
	daemon/record/value_key.c
