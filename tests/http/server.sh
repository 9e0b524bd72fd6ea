#!/bin/sh
# See server.py.
exec python3 -B -W ignore::DeprecationWarning "${srcdir:-.}/tests/http/server.py" tests/http/serve
