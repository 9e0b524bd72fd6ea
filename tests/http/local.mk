# The HTTP server on real sockets.
check_PROGRAMS += tests/http/serve
tests_http_serve_SOURCES = tests/http/serve.c tests/unit/http_echo.c tests/unit/http_echo.h
tests_http_serve_LDADD = libtidemark.a $(LIBS_ALL) -lstdc++
TESTS += tests/http/server.sh
EXTRA_DIST += tests/http/server.sh tests/http/server.py
