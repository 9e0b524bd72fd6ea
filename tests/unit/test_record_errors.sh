#!/bin/sh
# Every code that a record's error can have is in daemon/flow/record_errors.def, and nothing else is.
set -u
cd "${srcdir:-.}" || exit 99
table=daemon/flow/record_errors.def
bad=0
known=$(sed -n 's/^RECORD_ERROR("\([a-z0-9_.]*\)".*/\1/p' "$table" | sort)
[ -n "$known" ] || { echo "no codes in $table"; exit 1; }
[ "$known" = "$(echo "$known" | uniq)" ] || { echo "a code stands twice in $table"; bad=1; }
# The names of librdkafka's settings look like codes.
settings='^(bootstrap|compression|enable|group|isolation|sasl|security|ssl|transactional)\.'
# Literals like "json.syntax" in code, and in macros of headers; a file's name has an ending that no code has.
used=$( (find daemon/record daemon/expr daemon/flow sources transforms sinks -name '*.c' -o -name '*.cc' |
  xargs sed 's/^#include.*//'
  find daemon/record daemon/expr daemon/flow sources transforms sinks -name '*.h' | xargs grep -h '^#define') |
  grep -oE '"[a-z]+\.[a-z_0-9]+"' | tr -d '"' | grep -vE '\.(c|h|cc|def|yaml|log)$' | grep -vE "$settings" | sort -u)
for code in $used; do
  echo "$known" | grep -qxF "$code" || { echo "$code is used, but not in $table"; bad=1; }
done
for code in $known; do
  echo "$used" | grep -qxF "$code" || { echo "$code is in $table, but nothing uses it"; bad=1; }
done
exit $bad
