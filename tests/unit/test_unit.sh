#!/bin/sh
# The unit of systemd: it is installed with its user, is well formed, fits the program's statuses, and its sandbox is
# tight. systemd-analyze is of the package systemd.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
template=$source/daemon/systemd/tidemark.service.in
bindir=$(dirname "$(command -v tidemark)")
sed "s|@bindir@|$bindir|g" "$template" >tidemark.service
grep -q '@' tidemark.service && grep -vE '^(#|SystemCallFilter)' tidemark.service | grep '@' && complain "something is not filled in"

# What is not tried again: statuses that the man page has, of what no second start mends.
tidemark list --man1 >man || complain "list --man1: status $?"
for status in $(sed -n 's/^RestartPreventExitStatus=//p' tidemark.service); do
  grep -qE "(^|[^0-9])$status([^0-9]|$)" man || complain "the program has no status $status"
done
for status in 70 74 75; do
  grep -E '^RestartPreventExitStatus=' tidemark.service | grep -q $status && complain "$status is to be tried again"
done

if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify --man=no ./tidemark.service 2>err || complain "systemd-analyze verify: $(cat err)"
  [ ! -s err ] || complain "systemd-analyze verify: $(cat err)"
  systemd-analyze security --no-pager --offline=yes --threshold=15 ./tidemark.service >out 2>&1 ||
    complain "the sandbox has more than 1.5: $(cat out)"
  grep -oE 'Overall exposure level.*: [0-9.]+' out || complain "systemd-analyze security: $(cat out)"
else
  echo "no systemd-analyze: the unit was not looked at"
fi
if command -v systemd-sysusers >/dev/null; then
  mkdir -p root/etc
  systemd-sysusers --root="$place/root" "$source/daemon/systemd/tidemark.conf" 2>err || complain "systemd-sysusers: $(cat err)"
  grep -q '^tidemark:.*:/var/lib/tidemark:' root/etc/passwd || complain "no user: $(cat root/etc/passwd)"
fi

# A credential is a file in a folder that the environment names; it is a secret.
mkdir credentials
printf 'hunter2\n' >credentials/token
cat >credentials.yaml <<'END'
state: {dir: ./state}
sources: {lines: {type: stdin}}
transforms:
  signed: {type: map, input: lines, set: {token: "'${file:${CREDENTIALS_DIRECTORY}/token}'"}}
sinks: {out: {type: stdout, input: signed}}
END
echo '{"a":1}' | CREDENTIALS_DIRECTORY=$place/credentials tidemark run --quiet credentials.yaml >out 2>err ||
  complain "a credential: status $?, $(cat err)"
grep -q '"token":"hunter2"' out || complain "a credential: $(cat out)"
tidemark validate credentials.yaml 2>err >out && complain "no CREDENTIALS_DIRECTORY: status 0"
grep -q 'CREDENTIALS_DIRECTORY is not set' err || complain "no CREDENTIALS_DIRECTORY: $(cat err)"
sed 's/set: {token/select: {token/; s/type: map/type: mop/' credentials.yaml >wrong.yaml
CREDENTIALS_DIRECTORY=$place/credentials tidemark validate wrong.yaml >out 2>err && complain "wrong.yaml: status 0"
grep -q hunter2 out err && complain "a credential is shown: $(cat out err)"
exit $bad
