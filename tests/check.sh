#!/bin/sh
# Builds Tidemark with warnings as errors and runs every test suite; the last line counts them, the one before says
# what was skipped, if anything was.
#
#   asan    ASan and UBSan: all of `make check`
#   tsan    ThreadSanitizer: the suites of what runs on threads, and the pipelines
#   plain   as people build it: `make distcheck`, crashes, the quickstart's pipeline
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=${CHECK_BUILD_DIR:-$here/build-check}
# By a relative name where possible: configure takes no source folder with a blank in its path.
source=${CHECK_BUILD_DIR:+$here}
source=${source:-../..}
jobs=$(nproc)

# shellcheck disable=SC2046 # a list of names
sh "$here/tests/packages.sh" $(sed -n 's/^\(build\|test\): //p' "$here/tests/packages.list")

mkdir -p "$build"
"$here/autogen.sh" >"$build/autogen.log" 2>&1 || { cat "$build/autogen.log"; exit 1; }

passed=0
failed=0
skipped=
skip() { # a result of a build: its name, and why, if it says so
  why=$(sed -n 's/^skipped: //p' "$1.log" | head -n 1)
  skipped="$skipped${skipped:+; }$name ${1#./}${why:+ ($why)}"
}
count() { # the results that automake left below the folder we are in
  for trs in $(find . -name '*.trs' | sort); do
    while read -r result; do
      case $result in
      PASS) passed=$((passed + 1)) ;;
      SKIP) skip "${trs%.trs}" ;;
      *)
        failed=$((failed + 1))
        failing=${trs#./}
        echo "FAILED: $name ${failing%.trs}"
        tail -n 60 "${trs%.trs}.log"
        ;;
      esac
    done <<END
$(sed -n 's/^:test-result: *//p' "$trs" | sed 's/ .*//')
END
  done
}

make_build() { # name, options of configure
  name=$1
  shift
  mkdir -p "$build/$name"
  cd "$build/$name"
  echo "building $name"
  [ -f Makefile ] || "$source/configure" --enable-werror "$@" >configure.log 2>&1 || { cat configure.log; exit 1; }
  make -s -j"$jobs" >make.log 2>&1 || { tail -n 60 make.log; exit 1; }
}

suites() { # name, further arguments of make
  name=$1
  shift
  cd "$build/$name"
  find . -name '*.trs' -delete
  echo "testing $name"
  # One more than cores: many of them wait for a program or a broker most of the time.
  make -s -j"$((jobs + 1))" -k check "$@" >check.log 2>&1 || true
  if ! grep -q '^# TOTAL' check.log; then # the tests themselves did not build
    tail -n 60 check.log
    failed=$((failed + 1))
  fi
  count
}

make_build asan --enable-asan --enable-ubsan CFLAGS='-O1 -g1' CXXFLAGS='-O1 -g1'
suites asan
make_build tsan --enable-tsan CFLAGS='-O1 -g1' CXXFLAGS='-O1 -g1'
suites tsan TESTS="$(tr '\n' ' ' <"$here/tests/tsan.list")"
make_build plain
suites plain TESTS="$(tr '\n' ' ' <"$here/tests/plain.list")"

cd "$build/plain"
echo "testing distcheck"
if make -s -j"$jobs" distcheck DISTCHECK_CONFIGURE_FLAGS='--enable-werror CFLAGS=-O0 CXXFLAGS=-O0' TESTS=tests/unit/test_base >distcheck.log 2>&1; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
  echo "FAILED: make distcheck"
  tail -n 60 distcheck.log
fi

[ -z "$skipped" ] || echo "skipped: $skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
