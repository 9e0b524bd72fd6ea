libtidemark_a_SOURCES += \
	daemon/base/arena.c daemon/base/arena.h \
	daemon/base/buf.c daemon/base/buf.h \
	daemon/base/bytes.h \
	daemon/base/crc32c.c daemon/base/crc32c.h \
	daemon/base/diag.c daemon/base/diag.h \
	daemon/base/diag_parts.h daemon/base/diag_repeats.c \
	daemon/base/err.c daemon/base/err.h \
	daemon/base/hash.c daemon/base/hash.h \
	daemon/base/histogram.c daemon/base/histogram.h \
	daemon/base/limits.h \
	daemon/base/mem.c daemon/base/mem.h \
	daemon/base/nearest.c daemon/base/nearest.h \
	daemon/base/quantiles.c daemon/base/quantiles.h \
	daemon/base/slice.h \
	daemon/base/utf8.c daemon/base/utf8.h
EXTRA_DIST += daemon/base/messages.def
