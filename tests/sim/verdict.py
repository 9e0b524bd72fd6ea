"""verdict: whether a run put out what it must.

    verdict.py FOLDER        judges a run that is there

Each kind of output has a judge: order and number are exact for exactly_once, nothing is missing for at_least_once,
nothing comes twice for at_most_once.
"""
import collections
import json
import os
import sys

import model
from sources import parse


def same(a, b):
    """Of one type and value, all the way down."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


def line_right(row, line):
    if row.raw is not None:
        return line == row.raw
    try:
        got = parse(line)
    except ValueError:
        return False
    if "of" in row.fields:
        return error_right(row, got) and row.position in (None, got["_position"])
    return same(got, row.fields)


def error_right(row, got):
    of = row.fields["of"]
    if got.get("_component") != row.fields["component"] or got.get("_error", {}).get("code") != row.fields["code"]:
        return False
    if of.original is None:
        return same(parse(got["_raw"]), of.fields)
    return got["_raw"] == of.original


def shown(row):
    if row.raw is not None:
        return row.raw
    if "of" in row.fields:
        return f"an error {row.fields['code']} of {row.fields['component']} with {row.fields['of'].original}"
    return json.dumps(row.fields)


def exact(rows, lines):
    for i in range(max(len(rows), len(lines))):
        if i >= len(rows):
            return f"line {i + 1} is too much: {lines[i]}"
        if i >= len(lines):
            return f"{len(rows) - i} lines are missing at the end, first {shown(rows[i])}"
        if not line_right(rows[i], lines[i]):
            return f"line {i + 1} is {lines[i]}, but should be {shown(rows[i])}"
    return None


def suffix(rows, lines):
    """Of a sink that came with a reload: from some place on."""
    return exact(rows[len(rows) - len(lines):], lines) if len(lines) <= len(rows) else f"{len(lines) - len(rows)} lines too many"


def matched(rows, lines):
    """Rows that no line stands for, and lines that no row stands for."""
    rest = collections.defaultdict(list)
    missing, others = [], []
    for line in lines:
        rest[bag_key(line)].append(line)
    for row in rows:
        if row.raw is not None:
            candidates = rest.get(bag_key(row.raw), [])
        elif "of" in row.fields:
            candidates = rest.get(("error", row.fields["component"], row.fields["code"]), [])
        else:
            candidates = rest.get(bag_key(json.dumps(row.fields)), [])
        found = next((i for i, line in enumerate(candidates) if line_right(row, line)), None)
        if found is None:
            missing.append(row)
        else:
            candidates.pop(found)
    for lines_left in rest.values():
        others += lines_left
    return missing, others


def bag_key(line):
    try:
        record = parse(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    if "_error" in record:
        return ("error", record.get("_component"), record["_error"].get("code"))
    return json.dumps(record, sort_keys=True)


def nothing_missing(rows, lines):
    missing, _ = matched(rows, lines)
    return f"{len(missing)} lines are missing, first {shown(missing[0])}" if missing else None


def only_these(rows, lines):
    """All lines are right ones, however often."""
    known = {bag_key(shown(row)) if "of" not in row.fields else None for row in rows}
    for line in lines:
        if "_error" not in line and bag_key(line) not in known:
            return f"nobody expects the line {line}"
    return None


def nothing_doubled(rows, lines):
    _, others = matched(rows, lines)
    return f"{len(others)} lines are too many, first {others[0]}" if others else None


def read_lines(folder, name):
    try:
        with open(os.path.join(folder, "out", name), newline="") as file:
            return [line for line in file.read().split("\n") if line]
    except FileNotFoundError:
        return []


def pieces(folder, sink, rows):
    """(rows, lines) of each file that the sink writes, files of a number together."""
    names = sorted(os.listdir(os.path.join(folder, "out")))
    if sink.get("rotates"):
        yield rows, [line for n in names if n.startswith(sink["file"] + ".") for line in read_lines(folder, n)]
    elif "by" in sink:
        values = {row.fields[sink["by"]] for row in rows} | {n.split(".")[1] for n in names if n.startswith(sink["file"] + ".")}
        for value in sorted(values):
            yield [r for r in rows if r.fields[sink["by"]] == value], read_lines(folder, f"{sink['file']}.{value}")
    else:
        yield rows, read_lines(folder, sink["file"])


def judge_sink(case, sink, rows, lines):
    doubled = sink["type"] == "stdout"
    if case["delivery"] == "at_most_once":
        return nothing_doubled(rows, lines)
    if case["delivery"] == "at_least_once" or doubled:
        return nothing_missing(rows, lines) or (only_these(rows, lines) if case["determined"] else None)
    if sink.get("added"):
        return suffix(rows, lines)
    if sink["options"].get("concurrency", 1) > 1:
        return nothing_missing(rows, lines) or nothing_doubled(rows, lines)
    return exact(rows, lines)


def judge(case, folder):
    """What is wrong with the run, line by line; nothing when it is right."""
    try:
        wanted = model.outputs(case, folder)
    except model.LogWrong as wrong:
        return [f"log: {wrong}"]
    problems = []
    for sink in case["sinks"]:
        if sink["type"] == "blackhole":
            continue
        for rows, lines in pieces(folder, sink, wanted[sink["name"]]):
            problem = judge_sink(case, sink, rows, lines)
            if problem:
                problems.append(f"{sink['name']} ({sink['input']}): {problem}")
    return problems


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "case.json")) as file:
        case = json.load(file)
    problems = judge(case, folder)
    print("\n".join(problems) or "right")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
