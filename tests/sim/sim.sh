#!/bin/sh
# Random pipelines in the simulated world. SEED=n repeats one, SEEDS=n runs so many, SOAK=1 goes on until it is stopped.
set -u
here=${srcdir:-.}/tests/sim
program=./tests/sim/sim
folder=sim-${SEED:-all}-$$.tmp
if ldd "$program" | grep -Eq 'lib(asan|tsan|ubsan)'; then
  # What sanitizers find is found by few seeds; the many are for the program as people build it.
  : "${SEEDS:=40}"
fi
if [ -n "${SOAK:-}" ]; then
  set -- --soak "${SEED:-1}"
elif [ -n "${SEED:-}" ]; then
  set -- --seeds "$SEED" 1 --keep
else
  set -- --seeds 1 "${SEEDS:-300}"
fi
mkdir -p "$folder" || exit 99
python3 -B "$here/run.py" "$program" "$folder" "$@"
status=$?
rmdir "$folder" 2>/dev/null # what is wrong is kept
exit "$status"
