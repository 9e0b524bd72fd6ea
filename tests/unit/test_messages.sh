#!/bin/sh
# Messages: each row of daemon/base/messages.def has an id of its own, is said somewhere and stands in the reference;
# the program says nothing for people by another way; the lines of `run` are objects where that is wanted.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
table=$source/daemon/base/messages.def
sed -n 's/^MESSAGE(\([A-Z_]*\), "\([^"]*\)", .*/\1 \2/p' "$table" >rows
[ "$(wc -l <rows)" -eq "$(grep -c '^MESSAGE(' "$table")" ] && [ "$(wc -l <rows)" -ge 30 ] || complain "rows that are not understood"
for column in 1 2; do
  twice=$(cut -d ' ' -f $column rows | sort | uniq -d)
  [ -z "$twice" ] || complain "stands twice: $twice"
done
tidemark list --reference | sed -n '/^## Messages/,$p' >reference
tidemark list messages >list
(cd "$source" && grep -rhoE 'MESSAGE_[A-Z_]+' daemon config sources transforms sinks --include='*.c' --include='*.cc') |
  sort -u >used
while read -r name id; do
  echo "$id" | grep -qE '^[a-z]+(-[a-z]+)+$' || complain "not an id: $id"
  grep -qx "MESSAGE_$name" used || complain "nobody says $id"
  grep -qF "\`$id\`" reference || complain "not in the reference: $id"
  tidemark list messages "$id" >one || complain "list messages $id: status $?"
  grep -q "^$id (" one && grep -qF 'What to do: ' one && grep -qxF "$(tail -n 1 one)" list || complain "list messages $id: $(cat one)"
done <rows
tidemark list messages no-such 2>err && complain "list messages no-such: status 0"
grep -qF 'there is no message "no-such"' err || complain "list messages no-such: $(cat err)"

# Only these may write to stderr: diagnostics, usage, configuration errors with their carets, progress, no memory.
others=$(cd "$source" && grep -rlE '\<(perror|stderr)\>' daemon config sources transforms sinks --include='*.c' --include='*.cc' |
  grep -vxE 'daemon/(main|cli_common|cli_run|base/mem|io/.*)\.c')
[ -z "$others" ] || complain "these write to stderr by themselves: $others"

cat >good.yaml <<'END'
pipeline: counts
state: {dir: ./state}
sources: {lines: {type: stdin}}
sinks: {out: {type: stdout, input: lines}}
END
echo 'sources: {lines: 1}' >wrong.yaml
echo '{"a": 1}' | tidemark run --log-format json good.yaml 2>said >out || complain "run: status $?"
tidemark run --log-format json wrong.yaml 2>>said && complain "run wrong.yaml: status 0"
python3 - rows said <<'END' || bad=1
import json, re, sys
ids = {row.split()[1] for row in open("rows")}
said = [json.loads(line) for line in open("said")]
for message in said:
    assert message["id"] in ids and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", message["time"]), message
find = lambda id: [message for message in said if message["id"] == id]
opened, = find("stdin-opened")
assert opened["pipeline"] == "counts" and opened["kind"] == "source" and opened["component"] == "lines", opened
assert [(m["kind"], m["component"]) for m in find("component-total")] == [("source", "lines"), ("sink", "out")], said
assert len(find("config-error")) == 2 and find("config-error")[1]["text"].startswith("wrong.yaml:1:11: "), said
assert said[-1]["id"] == "config-refused" and said[-1]["level"] == "error", said
END
# A list of errors is told as a whole.
{ echo 'sources:'; for i in 1 2 3 4 5 6 7 8 9; do echo "  s$i: {type: stdin, colour: $i}"; done; } >many.yaml
tidemark run --log-format json many.yaml 2>many && complain "run many.yaml: status 0"
[ "$(grep -c 'unknown option .*colour' many)" -eq 9 ] || complain "of 9 errors: $(cat many)"

tidemark run --log-format loud good.yaml 2>err && complain "run --log-format loud: status 0"
grep -qF -- '--log-format wants text or json [failed-usage]' err || complain "run --log-format loud: $(cat err)"

# journald has the level: only when it is what stderr is. Its file is known by device and inode.
: >journal
for stream in "$(stat -c %d:%i journal)" "$(stat -c %d: journal)0"; do
  JOURNAL_STREAM=$stream tidemark run missing.yaml 2>journal && complain "run missing.yaml: status 0"
  grep -c '^<3>tidemark: error: .*missing.yaml.* \[config-' journal >>counts
done
[ "$(tr '\n' ' ' <counts)" = "2 0 " ] || complain "priorities for journald: $(cat counts)"
exit $bad
