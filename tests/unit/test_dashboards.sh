#!/bin/sh
# The alert rules and the dashboard of examples/: promtool takes them, their own tests pass, and every metric in them is
# one of the program's.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
rules=$source/examples/prometheus dashboard=$source/examples/grafana/tidemark.json
tidemark list --reference | sed -n 's/^| `\(\(tidemark\|process\)_[a-z_]*\)` | \(counter\|gauge\|histogram\).*/\1 \3/p' >metrics
[ "$(wc -l <metrics)" -ge 50 ] || complain "the reference has $(wc -l <metrics) metrics"
awk '{ print $1 } $2 == "histogram" { print $1 "_bucket"; print $1 "_sum"; print $1 "_count" }' metrics | sort >known

# Every expression of both, one a line.
python3 - "$dashboard" "$rules/tidemark.rules.yaml" >used <<'END'
import json, re, sys
dashboard = json.load(open(sys.argv[1]))
texts = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
texts += [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
ids = [panel["id"] for panel in dashboard["panels"]]
assert len(ids) == len(set(ids)) and len(texts) > 30, "panels share an id, or there are too few"
# What a comment or an annotation says is not an expression, but its metrics should be there too.
texts.append(open(sys.argv[2]).read())
for name in sorted({name for text in texts for name in re.findall(r"\b(?:tidemark|process)_[a-z_]+\b", text)}):
    print(name)
END
[ "$(wc -l <used)" -ge 30 ] || complain "dashboard and rules use $(wc -l <used) metrics"
unknown=$(comm -23 used known)
[ -z "$unknown" ] || complain "these metrics are not the program's:" $unknown

if command -v promtool >/dev/null; then
  cp "$rules"/* .
  promtool check rules tidemark.rules.yaml >out 2>&1 || complain "$(cat out)"
  promtool test rules tidemark.rules.test.yaml >out 2>&1 || complain "$(cat out)"
  promtool check config --syntax-only prometheus.yaml >out 2>&1 || complain "$(cat out)"
  sed 's/\[\$__rate_interval\]/[5m]/g' "$dashboard" >dashboard.json
  python3 -c 'import json
for number, panel in enumerate(json.load(open("dashboard.json"))["panels"]):
    for target in panel.get("targets", []):
        print("      - {record: \"d:%d%s\", expr: %s}" % (number, target["refId"], json.dumps(target["expr"])))' >expressions
  { printf 'groups:\n  - name: dashboard\n    rules:\n'; cat expressions; } >dashboard.rules.yaml
  promtool check rules dashboard.rules.yaml >out 2>&1 || complain "the dashboard: $(cat out)"
else
  echo "no promtool: rules and expressions were not checked"
fi
exit $bad
