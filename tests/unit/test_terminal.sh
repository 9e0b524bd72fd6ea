#!/bin/sh
# See test_terminal.py.
exec python3 "${srcdir:-.}/tests/unit/test_terminal.py" ./tidemark
