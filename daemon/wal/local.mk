# The write-ahead log.
libtidemark_a_SOURCES += \
	daemon/wal/wal.h \
	daemon/wal/wal_cursor.c daemon/wal/wal_cursor.h \
	daemon/wal/wal_format.c daemon/wal/wal_format.h \
	daemon/wal/wal_impl.h \
	daemon/wal/wal_open.c \
	daemon/wal/wal_read.c \
	daemon/wal/wal_write.c \
	daemon/wal/wal_writer.c daemon/wal/wal_writer.h
EXTRA_DIST += daemon/wal/README.md
