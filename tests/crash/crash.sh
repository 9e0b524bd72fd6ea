#!/bin/sh
# Runs crash.py on the program that was built. With sanitizers fewer kills and damages, of a smaller input,
# look for what they find; the 100 kills are for the program as people build it.
set -u
if ldd ./tidemark | grep -Eq 'lib(asan|tsan|ubsan)'; then
  export KILLS="${KILLS:-10}" RECORDS="${RECORDS:-100000}" DAMAGES="${DAMAGES:-1}"
fi
exec python3 -B "${srcdir:-.}/tests/crash/crash.py" ./tidemark "crash-$$.tmp"
