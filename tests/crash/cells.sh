#!/bin/sh
# Runs cells.py on the program that was built; with sanitizers fewer kills look for what they find.
set -u
if ldd ./tidemark | grep -Eq 'lib(asan|tsan|ubsan)'; then
  export KILLS="${KILLS:-3}"
fi
exec python3 -B "${srcdir:-.}/tests/crash/cells.py" ./tidemark "cells-$$.tmp"
