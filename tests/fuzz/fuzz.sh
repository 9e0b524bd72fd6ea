#!/bin/sh
# fuzz.sh SRCDIR TARGET...: runs each target for FUZZ_SECONDS (60) of the clock; FUZZ names one of them. What is found
# lies in fuzz.work/TARGET/ of the build, as does the corpus that grew. Ends with an error at the first finding.
set -eu
srcdir=$1
shift
for target in "$@"; do
  name=${target##*/}
  [ -z "${FUZZ:-}" ] || [ "$FUZZ" = "$name" ] || continue
  work=fuzz.work/$name
  mkdir -p "$work/corpus"
  set -- "$work/corpus" "$srcdir/tests/fuzz/corpus/$name"
  [ ! -f "$srcdir/tests/fuzz/$name.dict" ] || set -- "-dict=$srcdir/tests/fuzz/$name.dict" "$@"
  echo "fuzzing $name"
  "./$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -rss_limit_mb=3000 -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$work/" "$@" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log"
    exit 1
  }
  grep 'cov:' "$work/log" | tail -n 1
  grep 'stat::number_of_executed_units' "$work/log"
done
