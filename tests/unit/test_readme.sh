#!/bin/sh
# The pipeline and the commands that README.md shows work as it says.
set -u
. "${srcdir:-.}/tests/unit/cli_place.sh"
readme=$source/README.md

sed -n '/^```yaml/,/^```/p' "$readme" | sed '/^```/d' >errors-per-minute.yaml
grep -q '^pipeline: errors-per-minute' errors-per-minute.yaml || complain "no pipeline in README.md"
shown=$(sed -n 's/^    \(tidemark generate .*\)/\1/p' "$readme")
[ -n "$shown" ] || complain "no command in README.md"
sh -c "$shown" 2>diagnostics || { complain "$shown: status $?"; cat diagnostics; }

# Each failed request is counted in a window or set aside as late.
failed=$(tidemark generate --preset billing --count 100000 | grep -cE '"status": ?5[0-9][0-9]')
counted=$(sed -n 's/.*"failures": *\([0-9]*\).*/\1/p' errors.ndjson | awk '{ n += $1 } END { print n + 0 }')
late=$(wc -l <late.ndjson)
[ "$failed" -gt 0 ] || complain "the generated requests have no failures"
[ $((counted + late)) -eq "$failed" ] || complain "$failed failed requests, but $counted counted and $late late"
[ ! -s broken.ndjson ] || complain "generated requests are broken: $(head -n 1 broken.ndjson)"

# The two ways in, and the list of what is described where.
for script in examples/quickstart.sh tests/check.sh; do
  grep -q "^    sh $script\$" "$readme" || complain "README.md does not show sh $script"
  sh -n "$source/$script" || complain "$script cannot be read by sh"
done
tidemark --help >/dev/null || complain "tidemark --help fails"
for what in window functions --reference; do
  tidemark list $what >text && [ -s text ] || complain "tidemark list $what fails"
done
commands=$(sed -n 's/.*| the commands: \(.*\) |/\1/p' "$readme" | tr -d ',')
[ "$commands" = "$(tidemark --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | tr '\n' ' ' | sed 's/ $//')" ] ||
  complain "README.md names other commands than tidemark --help: $commands"
exit $bad
