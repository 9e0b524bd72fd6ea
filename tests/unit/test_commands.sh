#!/bin/sh
# Commands: --help and its status, every option in it, and the status and sentence of what is wrong.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"

# status, text that the diagnostics must hold, arguments
refuses() {
  wanted=$1 text=$2
  shift 2
  tidemark "$@" >out 2>err </dev/null
  status=$?
  [ "$status" -eq "$wanted" ] || complain "tidemark $*: status $status, not $wanted: $(cat err)"
  grep -qF -- "$text" err || complain "tidemark $*: \"$text\" is not in: $(cat err)"
}

tidemark --help >help || complain "tidemark --help: status $?"
tidemark help | cmp -s - help || complain "tidemark help is not tidemark --help"
for name in run top lateness validate list explain generate wal version; do
  grep -q "^  $name " help || complain "tidemark --help does not name $name"
  tidemark $name --help >text 2>err || complain "tidemark $name --help: status $?"
  grep -q "^usage: tidemark $name" text || complain "tidemark $name --help shows no usage"
  [ ! -s err ] || complain "tidemark $name --help writes to stderr"
  # Every option in the sources of the command is in its help.
  file=$source/daemon/cli_$name.c
  [ -f "$file" ] || file=$source/daemon/cli_validate.c
  for option in $(grep -oE 'strcmp\([^;]*"--[a-z0-9]+"' "$file" | grep -oE -- '--[a-z0-9]+'); do
    grep -q -- "$option" text || complain "tidemark $name --help does not say $option"
  done
done
tidemark version | grep -qE '^tidemark [0-9]+\.[0-9]+\.[0-9]+$' || complain "tidemark version"
[ "$(tidemark --version)" = "$(tidemark version)" ] || complain "tidemark --version is not tidemark version"

refuses 64 'usage: tidemark COMMAND'
refuses 64 'there is no command "rnu"' rnu
refuses 64 'unknown option --fast' run --fast x.yaml
refuses 64 'a configuration is wanted' run
refuses 64 'one configuration is wanted' run a.yaml b.yaml
refuses 64 'one configuration is wanted' validate
refuses 64 'one configuration is wanted' explain a.yaml b.yaml
refuses 64 'unknown option --everything' list --everything
refuses 64 'there is nothing called "widnow"' list widnow
refuses 64 '--count x is not understood' generate --count x
refuses 64 '--count -1 is not understood' generate --count -1
refuses 64 '--seed wants a value' generate --seed
refuses 64 '--colour red is not understood' generate --colour red
refuses 64 'no arguments are wanted' version now
refuses 64 'there is no `wal print`' wal print x
refuses 64 'a state folder are wanted' wal verify

refuses 66 'there is no log in nowhere' wal verify nowhere
refuses 66 'there is no log in nowhere' wal dump nowhere
mkdir -p empty/log
refuses 66 'no log' wal verify empty

for command in run validate explain; do
  refuses 78 'missing.yaml' $command missing.yaml
done
cat >wrong.yaml <<'END'
sources: {lines: {type: stdin, colour: red}, files: {type: file, path: x}}
transforms: {some: {type: filter, input: files, where: status >>> 500}}
sinks: {out: {type: stdout, input: som}}
END
for command in run validate explain; do
  refuses 78 'wrong.yaml:1:32' $command wrong.yaml
  refuses 78 'wrong.yaml:2:' $command wrong.yaml
  refuses 78 'wrong.yaml:3:' $command wrong.yaml
done

cat >good.yaml <<'END'
state: {dir: ./state}
sources: {lines: {type: stdin}}
sinks: {out: {type: stdout, input: lines}}
END
tidemark validate good.yaml >out 2>err || complain "validate good.yaml: status $?: $(cat err)"
grep -q 'source lines (stdin): its records are kept in the log' out || complain "validate: no promise of the source"
grep -q 'sink out (stdout): at least once' out || complain "validate: no promise of the sink"
grep -qx '  lines -> out: at least once: the producer goes on with the byte that is told at the start' out ||
  complain "validate: no promise of the pair: $(cat out)"
[ "$(echo '{"a": 1}' | tidemark run --quiet good.yaml)" = '{"a": 1}' ] || complain "run good.yaml"
tidemark wal verify state >out || complain "wal verify: status $?"
grep -q 'all good' out || complain "wal verify: $(cat out)"
tidemark wal dump state >out || complain "wal dump: status $?"
grep -q '^[0-9]* [a-z]' out || complain "wal dump prints no records"

# A damaged log: the body of its first record.
segment=$(find state/log -type f | sort | head -n 1)
printf 'damage' | dd of="$segment" bs=1 seek=4200 conv=notrunc 2>/dev/null
refuses 74 "$segment" wal verify state
exit $bad
