#!/bin/sh
# config_golden.sh: each configuration in tests/config gives exactly the diagnostics in its
# .expected.
#
#     config_golden.sh [PROGRAM]
#
# With GOLDEN_ACCEPT=1 the expected files are written anew, to be read before they are committed.
set -u
program=${1:-./tests/unit/config_golden}
folder=$(cd "$(dirname "$0")/../config" && pwd)
actual=$(mktemp) || exit 99
trap 'rm -f "$actual"' EXIT
passed=0 failed=0
for path in "$folder"/[0-9]*; do
  name=${path##*/}
  case $name in *.expected) continue ;; esac
  expected=$folder/${name%.yaml}.expected
  if ! "$program" "$folder" "$name" >"$actual"; then
    echo "FAIL $name: the program failed"
    failed=$((failed + 1))
    continue
  fi
  if [ "${GOLDEN_ACCEPT:-}" = 1 ]; then
    cp "$actual" "$expected"
  elif diff -u "$expected" "$actual"; then
    passed=$((passed + 1))
  else
    echo "FAIL $name"
    failed=$((failed + 1))
  fi
done
echo "config golden: $passed passed, $failed failed"
[ "$failed" = 0 ] && { [ "$passed" -gt 0 ] || [ "${GOLDEN_ACCEPT:-}" = 1 ]; }
