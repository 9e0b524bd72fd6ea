#!/bin/sh
# Builds Tidemark and runs its main job without any broker: requests to an API are billed.
#
# A generated file holds requests with repeats, disorder and late ones. Repeats are removed, requests
# and tokens are counted per user and minute of event time, late requests are set aside.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$here/build
work=${QUICKSTART_DIR:-$build/quickstart}
requests=${QUICKSTART_REQUESTS:-200000}

# shellcheck disable=SC2046 # a list of names
sh "$here/tests/packages.sh" $(sed -n 's/^build: //p' "$here/tests/packages.list")

echo "building Tidemark in $build"
mkdir -p "$build"
[ -x "$here/configure" ] || "$here/autogen.sh" >"$build/autogen.log" 2>&1 || { cat "$build/autogen.log" >&2; exit 1; }
cd "$build"
# By a relative name: configure takes no source folder with a blank in its path.
[ -f Makefile ] || ../configure >configure.log 2>&1 || { cat configure.log >&2; exit 1; }
make -s -j"$(nproc)" tidemark >make.log 2>&1 || { cat make.log >&2; exit 1; }

rm -rf "$work"
mkdir -p "$work"
export QUICKSTART_DIR="$work"
echo "generating $requests requests"
./tidemark generate --preset billing --seed 7 --count "$requests" >"$work/requests.ndjson"
echo "running examples/billing.yaml"
./tidemark run "$here/examples/billing.yaml" 2>"$work/diagnostics.txt" || { status=$?; cat "$work/diagnostics.txt" >&2; exit $status; }

printf '\n%-22s %-10s %10s %12s\n' "minute" "user" "requests" "tokens"
head -n 10 "$work/usage.ndjson" | sed 's/[{}"]//g' | awk -F, '{
  for (i = 1; i <= NF; i++) { at = index($i, ":"); field[substr($i, 1, at - 1)] = substr($i, at + 1) }
  printf "%-22s %-10s %10s %12s\n", field["window_start"], field["user_id"], field["requests"], field["tokens"]
}'
count() { wc -l <"$1" | tr -d ' '; }
cat <<END

results          $(count "$work/usage.ndjson") (user and minute)
late requests    $(count "$work/late.ndjson")
repeated ones    $(count "$work/repeated.ndjson")

  input          $work/requests.ndjson
  results        $work/usage.ndjson
  late           $work/late.ndjson
  repeated       $work/repeated.ndjson
  diagnostics    $work/diagnostics.txt
  pipeline       $here/examples/billing.yaml
END
