# daemon/http: what this folder adds to the build.
libtidemark_a_SOURCES += \
	daemon/http/http_answer.c \
	daemon/http/http_body.c daemon/http/http_body.h \
	daemon/http/http_conn.c \
	daemon/http/http_exchange.c \
	daemon/http/http_guard.c daemon/http/http_guard.h \
	daemon/http/http_inflate.c \
	daemon/http/http_internal.h \
	daemon/http/http_server.c daemon/http/http_server.h \
	daemon/http/http_tls.c daemon/http/http_tls.h \
	daemon/http/http_wire.c daemon/http/http_wire.h
EXTRA_DIST += daemon/http/README.md
