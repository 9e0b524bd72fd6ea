#!/bin/sh
# The reference: its pipeline is valid, its commands run, its literals compile, its templates make JSON, and the
# man pages are well formed.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
tidemark list --reference >reference.md || complain "list --reference: status $?"

sed -n '/^```yaml/,/^```/p' reference.md | sed '/^```/d' >example.yaml
tidemark validate example.yaml >out 2>err || complain "the reference's pipeline: $(cat err)"
[ ! -s err ] || complain "the reference's pipeline has warnings: $(cat err)"
sed -n '/^```sh/,/^```/p' reference.md | sed '/^```/d' >commands
[ -s commands ] || complain "the reference has no commands"
sh -e commands >out 2>err || complain "the reference's commands: $(cat err)"
[ "$(wc -l <out)" -eq 3 ] || complain "tidemark generate --count 3 gave $(wc -l <out) lines"

# Rows of the table below a heading: their terms, without quoting.
terms() {
  awk -v heading="$1" '/^#/ { on = ($0 ~ heading) } on && /^\| `/' reference.md |
    sed 's/^| `\(.*\)` | .*/\1/; s/\\|/|/g'
}
# Each way to write a literal or a field; two blanks stand between them.
terms 'Literals and fields' | grep -v '^--' | awk -F '  ' '{ for (i = 1; i <= NF; i++) print $i }' >literals
[ "$(wc -l <literals)" -ge 10 ] || complain "the reference has $(wc -l <literals) literals"
while IFS= read -r literal; do
  { printf 'sources: {s: {type: stdin}}\nsinks: {k: {type: blackhole, input: m}}\n'
    printf 'transforms:\n  m:\n    type: map\n    input: s\n    set:\n      x: |-\n        %s\n' "$literal"; } >literal.yaml
  tidemark validate literal.yaml >out 2>err || complain "literal $literal: $(cat err)"
done <literals

# Each aggregate and each placeholder, with arguments for what the usage calls for.
terms '^## Aggregates' | sed 's/ -> .*//; s/ or /\n/' | sed 's/any\|number/v/' >aggregates
[ "$(wc -l <aggregates)" -ge 8 ] || complain "the reference has too few aggregates"
while IFS= read -r aggregate; do
  { printf 'sources: {s: {type: stdin}}\nsinks: {k: {type: blackhole, input: [w, w.late]}}\n'
    printf 'transforms: {w: {type: window, input: s, window: {tumbling: 1m}, aggregate: {x: "%s filter (where v > 0)"}}}\n' \
      "$aggregate"; } >aggregate.yaml
  tidemark validate aggregate.yaml >out 2>err || complain "aggregate $aggregate: $(cat err)"
done <aggregates
terms '^## Templates' | sed 's/\[/ /g; s/\]//g; s/  */ /g; s/|/ /; s/|.*\(disorder\)/ 4s/; s/iso s\( 4s\)*.*/iso 4s/
  s/low high/1 9/; s/digits/2/; s/percent/10/; s/first/5/; s/ n max/ 3 5/; s/ n/ 3/; s/ \.\.\.//' >placeholders
[ "$(wc -l <placeholders)" -ge 10 ] || complain "the reference has too few placeholders"
while IFS= read -r placeholder; do
  tidemark generate --count 2 --template "{\"x\": {{$placeholder}}}" >out 2>err ||
    complain "placeholder $placeholder: $(cat err)"
  python3 -c 'import json, sys; [json.loads(line)["x"] for line in open("out")]' || complain "placeholder $placeholder: $(cat out)"
done <placeholders

# Every component has its ports; every source and sink what it does after a crash.
for kind in Sources Transforms Sinks; do
  word=$(echo "$kind" | sed 's/./\l&/')
  n=$(tidemark list "$word" | grep -c '^  ')
  ports=$(awk -v kind="## $kind" '/^## / { on = ($0 == kind) } on && /`NAME.errors`/' reference.md | wc -l)
  [ "$n" -eq "$ports" ] || complain "$n $word, but the ports of $ports"
done
promises=$(grep -cE '^(After a crash|Promise): ' reference.md)
[ "$promises" -eq $(($(tidemark list sources | grep -c '^  ') + $(tidemark list sinks | grep -c '^  '))) ] ||
  complain "only $promises sources and sinks say what they promise"
# No row without its text, and as many cells as its head.
awk -F ' \\| ' '/^\| `/ && $NF ~ /^ *\|?$/ { print "a row without text: " $0; bad = 1 } END { exit bad }' reference.md || bad=1

tidemark list --schema >schema.json && python3 -m json.tool schema.json >/dev/null || complain "the schema is not JSON"
tidemark list --man1 >tidemark.1 && tidemark list --man5 >tidemark.yaml.5 || complain "list --man1 or --man5"
if command -v mandoc >/dev/null; then
  mandoc -Tlint -Wwarning tidemark.1 tidemark.yaml.5 || complain "the man pages are not well formed"
else
  echo "no mandoc: the form of the man pages was not checked"
fi
exit $bad
