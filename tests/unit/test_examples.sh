#!/bin/sh
# The quickstart's pipeline: each generated request is billed, late or a repeat.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
mkdir "with space"
export QUICKSTART_DIR="$place/with space"
tidemark generate --preset billing --seed 7 --count 20000 >"$QUICKSTART_DIR/requests.ndjson" || complain "generate: status $?"
tidemark validate "$source/examples/billing.yaml" >/dev/null || complain "validate: status $?"
tidemark run "$source/examples/billing.yaml" 2>diagnostics || { complain "run: status $?"; cat diagnostics; }
cd "$QUICKSTART_DIR" || exit 99
billed=$(sed -n 's/.*"requests": *\([0-9]*\).*/\1/p' usage.ndjson | awk '{ n += $1 } END { print n + 0 }')
late=$(wc -l <late.ndjson) repeated=$(wc -l <repeated.ndjson)
[ "$late" -gt 0 ] && [ "$repeated" -gt 0 ] || complain "$late late, $repeated repeated: the story has neither"
[ $((billed + late + repeated)) -eq 20000 ] || complain "$billed billed, $late late, $repeated repeated of 20000"
exit $bad
