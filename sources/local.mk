# sources: what this folder adds to the build.
EXTRA_DIST += sources/README.md
libtidemark_a_SOURCES += \
	sources/exec/exec.c \
	sources/exec/exec_child.c sources/exec/exec_child.h \
	sources/file/file.c sources/file/file.h \
	sources/file/file_identity.c \
	sources/file/file_list.c \
	sources/file/file_read.c \
	sources/file/gzip.c sources/file/gzip.h \
	sources/file/tail.c sources/file/tail.h sources/file/tail_impl.h \
	sources/file/tail_look.c \
	sources/file/tail_meet.c \
	sources/file/tail_read.c \
	sources/file/tail_watch.c \
	sources/generate.c sources/generate.h \
	sources/generate_billing.c \
	sources/generate_kinds.h \
	sources/generate_records.c \
	sources/generate_template.c \
	sources/http/http.c \
	sources/http/intake.c sources/http/intake.h \
	sources/http/intake_http.c \
	sources/http/records.c sources/http/records.h \
	sources/kafka/feed.c sources/kafka/feed.h \
	sources/kafka/feed_group.c \
	sources/kafka/feed_reread.c \
	sources/kafka/kafka.c \
	sources/line_input.c sources/line_input.h \
	sources/lines.c sources/lines.h \
	sources/socket/socket.c \
	sources/socket/socket_server.c sources/socket/socket_server.h \
	sources/sources.def sources/sources.h \
	sources/stdin.c
