"""model: what a run must have put out.

The order in which records were taken, and the clock, is nobody's to know but the log's: the epochs that the simulation
read from it are run again here. Where a pipeline's result is a function of its input alone (`determined` in case.json), the
log is not asked: the whole input is one epoch, so that a result which depends on how epochs fell is found, too.
"""
import collections
import json
import os

from operators import Dedup, Epoch, Filter, Map, Merge, Route, Row, Window, error_row, merged
from sources import MAX_FUTURE, Partition, Source, lines_of, microseconds, timestamp


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
            # Numbers of partitions that ended for good come again; at_most_once says those it has anew in each life.
            known = pipeline.sources[s].partitions.get(p)
            if known is None or (known.ended and known.name != name):
                pipeline.sources[s].partitions[p] = Partition(name, epoch.clock)
                positions[s, p] = 0
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
