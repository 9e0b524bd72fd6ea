libtidemark_a_SOURCES += \
	daemon/record/batch.c daemon/record/batch.h \
	daemon/record/codec.c daemon/record/codec.h \
	daemon/record/codec_json.c \
	daemon/record/codec_parts.h \
	daemon/record/codec_raw.c \
	daemon/record/codecs.def \
	daemon/record/envelope.c daemon/record/envelope.h \
	daemon/record/json_broken.c \
	daemon/record/json_check.c \
	daemon/record/json_extract.c daemon/record/json_extract.h \
	daemon/record/json_number.c \
	daemon/record/json_plan.c daemon/record/json_plan.h \
	daemon/record/json_scalar.c daemon/record/json_scalar.h \
	daemon/record/json_scan.cc daemon/record/json_scan.h \
	daemon/record/json_scan_portable.c \
	daemon/record/json_text.c daemon/record/json_text.h \
	daemon/record/json_walk.h \
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
EXTRA_DIST += daemon/record/README.md
