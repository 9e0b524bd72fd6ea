#!/bin/sh
# What the tree promises about itself: includes follow the arrows of daemon/README.md, nothing outside daemon/io
# asks a clock, a file, a thread or chance, and the code is formatted (made tables apart).
set -u
top=${srcdir:-.}
cd "$top" || exit 99
bad=0
complain() {
  echo "$*"
  bad=1
}

# Rooms and what each may include, itself not named.
rooms='daemon/base:
daemon/io:daemon/base
daemon/record:daemon/base daemon/io
daemon/expr:daemon/base daemon/io daemon/record
daemon/wal:daemon/base daemon/io
daemon/http:daemon/base daemon/io
daemon/state:daemon/base daemon/io daemon/record
config:daemon/base daemon/io daemon/record
daemon/flow:config daemon/base daemon/io daemon/record daemon/expr daemon/wal daemon/state sources transforms sinks
sources:config daemon/base daemon/io daemon/http daemon/record daemon/expr daemon/state daemon/flow
transforms:config daemon/base daemon/io daemon/record daemon/expr daemon/state daemon/flow
sinks:config daemon/base daemon/io daemon/http daemon/record daemon/expr daemon/state daemon/flow
daemon/supervisor:config daemon/base daemon/io daemon/record daemon/expr daemon/flow
daemon/admin:config daemon/base daemon/io daemon/http daemon/record daemon/expr daemon/state daemon/flow'
includes=$(echo "$rooms" | while IFS=: read -r room allowed; do
  find "$room" -name '*.[ch]' -o -name '*.cc' | xargs grep -Hn '^#include "' | while IFS= read -r line; do
    target=$(echo "$line" | sed 's/.*#include "\(.*\)".*/\1/')
    ok=no
    for prefix in $room $allowed; do
      case $target in "$prefix"/*) ok=yes ;; esac
    done
    # The only files that flow may know of the plugins are their tables.
    case $room:$target in
    daemon/flow:sources/sources.def | daemon/flow:transforms/transforms.def | daemon/flow:sinks/sinks.def) ok=yes ;;
    daemon/flow:sources/* | daemon/flow:transforms/* | daemon/flow:sinks/*) ok=no ;;
    config:daemon/record/time.h | config:daemon/io/*) ;;
    config:daemon/record/*) ok=no ;;
    esac
    [ "$ok" = yes ] || echo "include against the arrows: $line"
  done
done)
[ -n "$includes" ] && complain "$includes"

outside=$(grep -rnE '\<(clock_gettime|gettimeofday|getrandom|pthread_create|fopen|fork|socket) *\(' \
  daemon config sources transforms sinks --include='*.c' --include='*.cc' | grep -v '^daemon/io/')
[ -n "$outside" ] && complain "only daemon/io/ may do this: $outside"

if command -v clang-format >/dev/null 2>&1; then
  unformatted=$(find daemon config sources transforms sinks tests -name '*.[ch]' ! -name case_table.h -print0 |
    xargs -0 clang-format --dry-run 2>&1 | grep 'warning:' | cut -d: -f1 | sort -u)
  [ -n "$unformatted" ] && complain "clang-format would change these:" "$unformatted"
fi

exit $bad
