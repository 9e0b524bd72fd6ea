"""model: what a run must have put out, and whether it did.

    model.py FOLDER        judges a run that is there

The order in which records were taken, and the clock, is nobody's to know but the log's: the epochs that the simulation
read from it are run again here. Where a pipeline's result is a function of its input alone (`determined` in case.json), the
log is not asked: the whole input is one epoch, so that a result which depends on how epochs fell is found, too.

Each kind of output has a judge: order and number are exact for exactly_once, nothing is missing for at_least_once,
nothing comes twice for at_most_once.
"""
import collections
import datetime
import json
import os
import sys

from operators import (
    FOREVER, NEVER, Dedup, Epoch, Filter, Map, Merge, Route, Row, Stream, Window, error_row, merged
)

MAX_FUTURE = 3600 * 10**6
IDLE_TIMEOUT_OF_SEVERAL = 30 * 10**6
UNITS = {"us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}


def microseconds(duration):
    number = duration.rstrip("smuhd")
    return int(number) * UNITS[duration[len(number):]]


def timestamp(us):
    seconds, rest = divmod(us, 10**6)
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%S") + (f".{rest:06}".rstrip("0") if rest else "") + "Z"


def first_of(pairs):
    """Of keys that are there twice the first one counts."""
    record = {}
    for name, value in pairs:
        record.setdefault(name, value)
    return record


def parse(line):
    return json.loads(line, object_pairs_hook=first_of)


def same(a, b):
    """Of one type and value, all the way down."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and a == b


# ---------------------------------------------------------------------- sources


class Partition:
    def __init__(self, name, clock):
        self.name, self.active, self.watermark = name, clock, NEVER
        self.idle = self.behind = self.ended = False


class Source:
    """Lines to rows, and the watermark of section 1."""

    def __init__(self, component, bounded):
        self.name = component["name"]
        options = component["options"]
        watermark = options.get("watermark", {})
        self.timed = "event_time" in options
        self.lateness = microseconds(watermark.get("max_lateness", "0s"))
        self.idle_timeout = microseconds(watermark["idle_timeout"]) if "idle_timeout" in watermark else None
        self.advances = watermark.get("when_idle", "advance") == "advance"
        self.bounded = bounded
        self.bytes = component["type"] != "http"  # what positions count
        self.partitions = {}
        self.watermark = NEVER
        self.ended = False
        self.idle_since = self.idle_from = None

    def timeout(self):
        if self.idle_timeout is not None:
            return self.idle_timeout
        known = [p for p in self.partitions.values() if not p.ended]
        return 0 if self.bounded or len(known) < 2 else IDLE_TIMEOUT_OF_SEVERAL

    def begin(self, epoch):
        self.out, self.errors = Stream(self.watermark), Stream(self.watermark)
        self.errors.steps = self.out.steps
        timeout = self.timeout()
        if self.ended or timeout <= 0:
            return
        there = [p for p in self.partitions.values() if not p.ended]
        gone = False
        for p in there:
            if epoch.clock - p.active >= timeout:
                gone |= not p.idle
                p.idle, p.behind = True, False
        if not all(p.idle and not p.behind for p in there):
            self.idle_since = None
            if gone:
                self.least(epoch.first)
        elif there and self.advances and self.watermark != NEVER:
            if self.idle_since is None:
                self.idle_since, self.idle_from = epoch.clock, self.watermark
            self.advance(epoch.first, self.idle_from + epoch.clock - self.idle_since)

    def advance(self, ord_, watermark):
        self.out.advance(ord_, watermark)
        self.watermark = self.out.end()

    def least(self, ord_):
        counting = [p.watermark for p in self.partitions.values() if not p.ended and not p.idle]
        if counting:
            self.advance(ord_, min(counting))

    def line(self, epoch, ord_, number, line, position):
        p = self.partitions[number]
        row = Row(ord_, epoch.clock, {}, line, line, f"{p.name}: byte {position}" if self.bytes else None)
        try:
            row.fields = parse(line)
            broken = not isinstance(row.fields, dict)
        except ValueError:
            broken = True
        code = "json.syntax" if broken else self.time(epoch, row) if self.timed else None
        if code is not None:
            self.errors.rows.append(error_row(row, code, self.name))
            self.errors.rows[-1].position = row.position
            return
        self.out.rows.append(row)
        p.active, self.idle_since = epoch.clock, None
        p.watermark = max(p.watermark, row.time - self.lateness)
        if p.idle:
            # Back again, but it counts only once it has caught up.
            p.behind = p.watermark < self.watermark
            p.idle = p.behind
        self.least(ord_)

    def time(self, epoch, row):
        value = row.fields.get("t")
        if value is None:
            return "time.missing"
        if isinstance(value, bool) or isinstance(value, (dict, list)):
            return "time.invalid"
        if isinstance(value, str):
            try:
                when = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
            except ValueError:
                return "time.invalid"
            span = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            row.time = (span.days * 86400 + span.seconds) * 10**6 + span.microseconds
        else:
            row.time = int(value * 1000)
        return "time.future" if row.time > epoch.clock + MAX_FUTURE else None

    def partition_end(self, ord_, number):
        self.partitions[number].ended = True
        self.least(ord_)

    def end(self, ord_):
        self.ended = True
        self.advance(ord_, FOREVER)


# ---------------------------------------------------------------------- the pipeline


def operator(component):
    def meant(options):
        return {
            key: microseconds(value)
            if key in ("ttl", "tumbling", "hopping", "offset", "allowed_lateness")
            or (key == "every" and isinstance(value, str))
            else meant(value) if isinstance(value, dict) and key in ("window", "emit") else value
            for key, value in options.items()
        }

    name, options = component["name"], meant(component["options"])
    if component["type"] == "window":
        return Window(name, options, timestamp)
    return {"filter": Filter, "map": Map, "route": Route, "merge": Merge, "dedup": Dedup}[component["type"]](name, options)


class Pipeline:
    def __init__(self, case):
        self.sources = [Source(c, c["bounded"]) for c in case["sources"]]
        self.transforms = [(c, operator(c)) for c in case["transforms"]]
        self.outputs = {c["name"]: [] for c in case["sinks"]}  # (epoch, row)
        self.sinks = case["sinks"]
        self.ord = 0

    def begin(self, number, clock):
        self.number, self.epoch = number, Epoch(clock, self.ord)
        self.ord += 1

    def run(self):
        """Behind the source's rows; ends the epoch."""
        streams = {}
        for source in self.sources:
            streams[source.name], streams[source.name + ".errors"] = source.out, source.errors
        for component, op in self.transforms:
            into = merged([streams[i] for i in component["input"]])
            for port, stream in op.run(self.epoch, into).items():
                streams[component["name"] + ("." + port if port else "")] = stream
        for sink in self.sinks:
            if sink["input"] in streams:
                self.outputs[sink["name"]] += [(self.number, row) for row in streams[sink["input"]].rows]


def lines_of(data, position):
    """Lines with their positions, blank ones left out."""
    for line in data.split(b"\n"):
        if line.strip():
            yield position, line.decode()
        position += len(line) + 1


class LogWrong(Exception):
    pass


def logged_run(case, folder, pipeline):
    """Runs the epochs of the log; raises LogWrong unless they hold each input once and in order."""
    positions = collections.defaultdict(int)
    with open(os.path.join(folder, "log")) as log:
        epochs = [json.loads(line) for line in log]
    if [e["epoch"] for e in epochs] != list(range(1, len(epochs) + 1)):
        raise LogWrong("epochs are missing in what was read of the log")
    pushed = []
    for entry in epochs:
        pipeline.begin(entry["epoch"], entry["clock"])
        epoch = pipeline.epoch
        for s, p, name in entry["new"]:
            pipeline.sources[s].partitions.setdefault(p, Partition(name, epoch.clock))
        for source in pipeline.sources:
            source.begin(epoch)
        for s, p, start, end, payload in entry["in"]:
            if positions[s, p] != start:
                raise LogWrong(f"epoch {entry['epoch']}: source {s}, partition {p} goes on at {start}, not {positions[s, p]}")
            positions[s, p] = end
            source = pipeline.sources[s]
            data = bytes.fromhex(payload) if payload is not None else None
            if case["sources"][s]["type"] == "http":
                pushed += [line for _, line in lines_of(data, 0)]
            else:
                name = source.partitions[p].name
                known = case["inputs"].get(name, case["inputs"].get("stdin")).encode()[start:end]
                if data is not None and data.rstrip(b"\n") != known.rstrip(b"\n"):
                    raise LogWrong(f"epoch {entry['epoch']}: the payload of {name} is not what it holds")
                data = known
            for position, line in lines_of(data, start):
                source.line(epoch, pipeline.ord, p, line, position)
                pipeline.ord += 1
        epoch.last = pipeline.ord
        pipeline.ord += 1
        for s, p in entry["partition_ends"]:
            pipeline.sources[s].partition_end(epoch.last, p)
        for s in entry["source_ends"]:
            pipeline.sources[s].end(epoch.last)
        pipeline.run()
    all_taken(case, pipeline, positions)
    pushes_right(case, folder, pushed)


def all_taken(case, pipeline, positions):
    for s, source in enumerate(pipeline.sources):
        component = case["sources"][s]
        if component["type"] == "http":
            continue
        names = {p.name: n for n, p in source.partitions.items()}
        for name in component["reads"]:
            whole = len(case["inputs"][name].encode())
            number = names.get(name) if name != "stdin" else next(iter(names.values()), None)
            if whole > 0 and (number is None or positions[s, number] != whole):
                raise LogWrong(f"{name}: {whole} bytes, taken {positions[s, number] if number is not None else 'nothing'}")


def pushes_right(case, folder, pushed):
    """Each request that was acknowledged is there once and in one piece; of the others all or nothing."""
    if "pushed" not in case["inputs"]:
        return
    with open(os.path.join(folder, "pushed")) as file:
        states = file.read().split()
    at = {line: i for i, line in enumerate(pushed)}
    if len(at) != len(pushed):
        raise LogWrong("a record that was pushed once is in the log twice")
    for i, body in enumerate(case["inputs"]["pushed"].rstrip("\n").split("\n\n")):
        places = [at.get(line) for line in body.split("\n")]
        if all(p is None for p in places) and states[i] != "taken":
            continue
        if places[0] is None or places != list(range(places[0], places[0] + len(places))) or states[i] == "refused":
            raise LogWrong(f"request {i} ({states[i]}) is in the log at {places}")


def determined_run(case, pipeline):
    """All of the input as one epoch, file by file."""
    far = 1900000000 * 10**6 - MAX_FUTURE  # between what may be and what is too far ahead
    pipeline.begin(1, far)
    epoch = pipeline.epoch
    (source,) = pipeline.sources
    reads = case["sources"][0]["reads"]
    one_by_one = case["sources"][0]["options"].get("read_order") == "sequential"
    if not one_by_one:
        source.partitions = {i: Partition(name, far) for i, name in enumerate(reads)}
    source.begin(epoch)
    for i, name in enumerate(reads):
        source.partitions.setdefault(i, Partition(name, far))
        for position, line in lines_of(case["inputs"][name].encode(), 0):
            source.line(epoch, pipeline.ord, i, line, position)
            pipeline.ord += 1
        # The end comes with the last line.
        source.partition_end(pipeline.ord - 1, i)
    epoch.last = pipeline.ord
    source.end(epoch.last)
    pipeline.run()


# ---------------------------------------------------------------------- the verdict


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


def outputs(case, folder):
    """{sink: rows} as they must be."""
    pipeline = Pipeline(case)
    if case["determined"]:
        determined_run(case, pipeline)
        # The log must nevertheless hold all of the input.
        logged_run(case, folder, Pipeline(case))
    else:
        logged_run(case, folder, pipeline)
    rows = {name: [row for _, row in list_] for name, list_ in pipeline.outputs.items()}
    for sink in case["sinks"]:  # what the other side refuses
        if sink["type"] != "http" or not case["refuse"]:
            continue
        bad = [row for row in rows[sink["name"]] if refused(case, row)]
        rows[sink["name"]] = [row for row in rows[sink["name"]] if not refused(case, row)]
        for other in case["sinks"]:
            if other["input"] == sink["name"] + ".errors":
                rows[other["name"]] = [error_row(sent(row), "http.400", sink["name"]) for row in bad]
    return rows


def refused(case, row):
    return isinstance(row.fields.get("id"), int) and row.fields["id"] % case["refuse"] == 0


def sent(row):
    return Row(row.ord, row.time, row.fields, row.raw, row.raw)


def read_lines(folder, name):
    try:
        with open(os.path.join(folder, "out", name), newline="") as file:
            return [line for line in file.read().split("\n") if line]
    except FileNotFoundError:
        return []


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
        wanted = outputs(case, folder)
    except LogWrong as wrong:
        return [f"log: {wrong}"]
    problems = []
    for sink in case["sinks"]:
        if sink["type"] == "blackhole":
            continue
        problem = judge_sink(case, sink, wanted[sink["name"]], read_lines(folder, sink["file"]))
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
