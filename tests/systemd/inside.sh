# What test_systemd.sh does inside: the unit and its user as they are installed, a configuration with a credential,
# and what may happen to a service. Leaves `good` in result, or says what is wrong.
set -u
cd /tmp/share
fail() {
  echo "$*"
  systemctl status --no-pager -l tidemark
  journalctl --sync
  journalctl --no-pager | tail -n 40
  echo bad >result
  systemctl exit 1
  exit 1
}
wait_for() { # what, command
  what=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  fail "not within 30 s: $what"
}
show() {
  systemctl show --value -p "$1" tidemark
}
is() { # property, value
  [ "$(show "$1")" = "$2" ]
}
expect() {
  is "$1" "$2" || fail "$1 is $(show "$1"), not $2"
}

install -D tidemark /usr/local/bin/tidemark
install -D -m 644 tidemark.service /usr/local/lib/systemd/system/tidemark.service
install -D -m 644 tidemark.conf /usr/local/lib/sysusers.d/tidemark.conf
systemd-sysusers
echo hunter2 >/root/token && chmod 600 /root/token
mkdir -p /etc/tidemark /etc/systemd/system/tidemark.service.d
printf '[Service]\nLoadCredential=token:/root/token\nWatchdogSec=3s\nRestartSec=100ms\n' >/etc/systemd/system/tidemark.service.d/test.conf
cat >good.yaml <<'END'
pipeline: counts
checkpoint: {interval: 200ms}
sources: {in: {type: generate, template: '{"n":{{seq}},"text":"abc"}', rate: 1000}}
transforms:
  some: {type: filter, input: in, where: text ~ '^a.c$'}
  signed: {type: map, input: some, set: {token: "'${file:${CREDENTIALS_DIRECTORY}/token}'"}}
sinks: {out: {type: file, input: signed, path: /var/lib/tidemark/out.ndjson}}
END
install -m 644 good.yaml /etc/tidemark/counts.yaml
systemctl daemon-reload
out=/var/lib/tidemark/out.ndjson

# Started is ready; as its own user, with its own folders, and the credential.
systemctl start tidemark || fail "start: status $?"
expect ActiveState active
[ "$(stat -c %U "/proc/$(show MainPID)")" = tidemark ] || fail "its user is $(stat -c %U "/proc/$(show MainPID)")"
wait_for output grep -q '"token":"hunter2"' $out
wait_for "a status" sh -c 'systemctl show --value -p StatusText tidemark | grep -q "^running: 1 pipeline, "'
[ "$(stat -c %U:%a /var/lib/tidemark)" = tidemark:750 ] || fail "/var/lib/tidemark: $(stat -c %U:%a /var/lib/tidemark)"

# A reload takes what has changed, in the same process; what is wrong changes nothing.
pid=$(show MainPID)
sed "s/rate: 1000/rate: 2000/" good.yaml >/etc/tidemark/counts.yaml
systemctl reload tidemark || fail "reload: status $?"
wait_for "the new configuration" sh -c 'journalctl -u tidemark | grep -q "reload-done"'
sed "s/where:/were:/" good.yaml >/etc/tidemark/counts.yaml
systemctl reload tidemark
wait_for "a refusal" sh -c 'journalctl -u tidemark | grep -q "reload-refused"'
wait_for "it is active still" is ActiveState active
expect MainPID "$pid"
before=$(wc -l <$out)
wait_for "more output" sh -c "[ \$(wc -l <$out) -gt $before ]"
install -m 644 good.yaml /etc/tidemark/counts.yaml

# A loop that turns feeds the watchdog, for longer than its time.
fed=$(show WatchdogTimestampMonotonic)
wait_for "the watchdog is fed" sh -c "[ \$(systemctl show --value -p WatchdogTimestampMonotonic tidemark) -gt $((fed + 3500000)) ]"
expect NRestarts 0

# A loop that is stuck is ended and started again, and so is a process that was killed.
systemctl kill --kill-whom=main -s STOP tidemark
wait_for "a restart by the watchdog" is NRestarts 1
wait_for "it is active again" is ActiveState active
journalctl -u tidemark | grep -qi 'watchdog timeout' || fail "no timeout of the watchdog"
systemctl kill --kill-whom=main -s KILL tidemark
wait_for "a restart after a kill" is NRestarts 2
wait_for "it is active again" is ActiveState active
before=$(wc -l <$out)
wait_for "more output" sh -c "[ \$(wc -l <$out) -gt $before ]"

# A stop delivers what was taken.
systemctl stop tidemark || fail "stop: status $?"
expect Result success
/usr/local/bin/tidemark wal dump /var/lib/tidemark/counts | tail -n 1 | grep -q drained || fail "the log does not end with a drain"
[ "$(cut -d , -f 1 $out)" = "$(seq 0 $(($(wc -l <$out) - 1)) | sed 's/^/{"n":/')" ] || fail "records are missing or there twice"

# The journal has the levels, and no marks of them.
journalctl --sync
journalctl -u tidemark -p info..info -o cat | grep -q '^tidemark: info: .*\[drain-started\]$' || fail "no line of level info"
journalctl -u tidemark -o cat | grep -q '^<' && fail "marks of priorities stand in the journal"

# A wrong configuration is told once and not tried again.
echo 'sources: {in: {type: nothing}}' >/etc/tidemark/counts.yaml
systemctl reset-failed tidemark
systemctl start tidemark && fail "a wrong configuration starts"
expect Result exit-code
expect ExecMainStatus 78
expect NRestarts 0
journalctl --sync
journalctl -u tidemark -p err -o cat | grep -q '\[config-refused\]$' || fail "no error of the configuration"

# What comes to its end has not failed.
sed 's/rate: 1000/count: 1/; s/counts/bounded/; s/out.ndjson/one.ndjson/' good.yaml >/etc/tidemark/counts.yaml
systemctl start tidemark || fail "a bounded pipeline: status $?"
wait_for "the end" is ActiveState inactive
expect Result success
[ "$(wc -l </var/lib/tidemark/one.ndjson)" -eq 1 ] || fail "a bounded pipeline wrote $(cat /var/lib/tidemark/one.ndjson)"

# The sandbox: no place but its own can be written.
sed 's|/var/lib/tidemark/out|/srv/out|; s/counts/outside/' good.yaml >/etc/tidemark/counts.yaml
systemctl start tidemark && wait_for "an end" is ActiveState failed
[ ! -e /srv/out.ndjson ] || fail "it wrote to /srv"
expect NRestarts 0
echo good >result
systemctl exit 0
