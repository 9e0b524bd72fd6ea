#!/bin/sh
# oracle.sh RUN_EXPR FILE...: asks a PostgreSQL for the results of the triples marked pg and compares
# them with those expected. The server is started for it: in a folder of its own that is removed at
# the end, on a Unix socket only, not as root. 77: there is no PostgreSQL here.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: oracle.sh RUN_EXPR FILE..." >&2
  exit 64
fi
run_expr=$1
shift

bin=
for folder in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
  if [ -x "$folder/initdb" ]; then bin=$folder; fi
done
if [ -z "$bin" ]; then
  echo "skipped: PostgreSQL's server is not installed (Debian: postgresql)"
  exit 77
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/oracle.XXXXXX")
if [ "$(id -u)" = 0 ]; then
  user=$(id -un postgres 2>/dev/null || echo nobody)
  chown "$user" "$folder"
  as() { (cd "$folder" && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"); }
else
  as() { (cd "$folder" && "$@"); }
fi
finish() {
  if [ -f "$folder/data/postmaster.pid" ]; then
    as "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || :
  fi
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

as "$bin/initdb" -D "$folder/data" -U oracle -A trust -N --locale=C -E UTF8 >"$folder/initdb.out" 2>&1 || {
  cat "$folder/initdb.out" >&2
  exit 1
}
as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/server.out" \
  -o "-c listen_addresses='' -k '$folder' -c fsync=off" start >/dev/null || {
  cat "$folder/data/server.out" >&2
  exit 1
}
"$run_expr" --sql "$@" >"$folder/query.sql"
chmod 644 "$folder/query.sql"
as "$bin/psql" -X -A -t -q -h "$folder" -U oracle -d postgres <"$folder/query.sql" >"$folder/results"
"$run_expr" --compare "$folder/results" "$@"
