"""jobs: the two pipelines that crash.py runs: their input, their YAML, and what must come out.

What must come out is computed here a second time, record by record, from the semantics alone; the
program is not asked. Times are microseconds.
"""
import datetime
import gzip
import json
import os
import random

SECOND = 10**6
TURN_BYTES = 256 << 10  # of a file, before the next file has its turn
START_MS = 1714557600000  # long ago: no record is ahead of the clock


def iso(us):
    """A time as the program writes it."""
    seconds, rest = divmod(us, SECOND)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()
    return text + (f".{rest:06}".rstrip("0") if rest else "") + "Z"


class Watermark:
    """Per partition the newest event time less max_lateness; over all, the least of the active."""

    def __init__(self, partitions, max_lateness):
        self.of = {partition: None for partition in partitions}
        self.max_lateness = max_lateness
        self.now = None  # None: before all time

    def _advance(self):
        values = self.of.values()
        if values and None not in values:
            least = min(values)
            if self.now is None or least > self.now:
                self.now = least

    def record(self, partition, time):
        own = time - self.max_lateness
        if self.of[partition] is None or own > self.of[partition]:
            self.of[partition] = own
            self._advance()

    def begin(self, partition):
        self.of[partition] = None

    def end(self, partition):
        del self.of[partition]
        self._advance()


class Window:
    """Tumbling windows by group, with on_close results, corrections and late records."""

    def __init__(self, size, allowed_lateness, fold, finish):
        self.size, self.allowed_lateness = size, allowed_lateness
        self.fold, self.finish = fold, finish
        self.open = {}  # end -> {group: state}, both in order of arrival
        self.results, self.late = [], []

    def take(self, line, record, group, time, watermark):
        end = time - time % self.size + self.size
        if watermark is not None and end + self.allowed_lateness <= watermark:
            self.late.append(line[:-1] + f',"_late_by":{watermark - time}}}')
            return
        groups = self.open.setdefault(end, {})
        closed = watermark is not None and end <= watermark
        state = groups.get(group)
        if state is None:
            state = groups[group] = {"revision": 0}
        self.fold(state, record)
        if closed:
            self._give(end, group, state)

    def _give(self, end, group, state):
        row = {"window_start": iso(end - self.size), "window_end": iso(end)}
        row.update(self.finish(group, state))
        if self.allowed_lateness:
            row.update(_revision=state["revision"], _final=True)
        state["revision"] += 1
        state["given"] = True
        self.results.append(json.dumps(row, separators=(",", ":")))

    def advance(self, watermark):
        """watermark None: the end of everything."""
        for end in sorted(self.open):
            if watermark is not None and end > watermark:
                break
            groups = self.open[end]
            for group, state in groups.items():
                if "given" not in state:
                    self._give(end, group, state)
            if watermark is None or end + self.allowed_lateness <= watermark:
                del self.open[end]


class FileJob:
    """Three files -> dedup -> window (+ late, + duplicates) -> three files."""
    name = "files"
    order = "interleaved"
    outputs = ("sums", "late", "repeated")
    stdin = False
    ttl, max_lateness, size = 120 * SECOND, 2 * SECOND, 60 * SECOND

    def __init__(self, folder, seed, records):
        self.folder = folder
        self.expected = {}
        draw = random.Random(seed * 3 + 1)
        ids = [f"r{draw.randrange(10**9)}"]
        # The second ends while the others go on; the third is compressed. Read one after the other,
        # each goes on a little before where the one before it ended.
        first = 0
        for name, share, opener in (("in-1.ndjson", 0.45, open), ("in-2.ndjson", 0.2, open),
                                    ("in-3.ndjson.gz", 0.35, gzip.open)):
            with opener(os.path.join(folder, name), "wb") as out:
                for i in range(int(records * share)):
                    out.write(self._line(draw, ids, first + i))
            if self.order == "sequential":
                first += int(records * share) - 5000

    @staticmethod
    def _line(draw, ids, i):
        ms = START_MS + i * 40 - draw.randrange(1500)
        if draw.random() < 0.02:
            ms -= draw.randrange(200000)
        if draw.random() < 0.08:
            key = ids[draw.randrange(max(0, len(ids) - 9000), len(ids))]
        else:
            key = f"r{draw.randrange(10**9)}"
            ids.append(key)
        return (f'{{"ts":{ms},"id":"{key}","user":"u{draw.randrange(40)}","n":{draw.randrange(1000)},'
                f'"note":"{"x" * draw.randrange(12)}"}}\n').encode()

    def _lines(self):
        """All lines in the order the source is to read them: a turn of each file after the other."""
        rows = []
        names = sorted(name for name in os.listdir(self.folder) if name.startswith("in-"))
        for part, name in enumerate(names):
            opener = gzip.open if name.endswith(".gz") else open
            at = 0
            with opener(os.path.join(self.folder, name), "rb") as file:
                for line in file:
                    rows.append([at // TURN_BYTES, part, at, line.decode().rstrip("\n"), False])
                    at += len(line)
            rows[-1][4] = True
        if self.order == "interleaved":
            rows.sort(key=lambda row: row[:3])
        return rows

    def oracle(self):
        rows = self._lines()
        parts = {row[1] for row in rows} if self.order == "interleaved" else ()
        watermark = Watermark(parts, self.max_lateness)

        def fold(state, record):
            state["n"] = state.get("n", 0) + 1
            state["total"] = state.get("total", 0) + record["n"]
            state["least"] = min(state.get("least", record["n"]), record["n"])

        window = Window(self.size, 0, fold,
                        lambda user, s: {"user": user, "n": s["n"], "total": s["total"],
                                         "least": s["least"]})
        held, repeated = {}, []
        for _, part, at, line, last in rows:
            record = json.loads(line)
            if self.order == "sequential" and at == 0:
                watermark.begin(part)
            time, now = record["ts"] * 1000, watermark.now
            times = [h for h in held.get(record["id"], ()) if now is None or now < h + self.ttl]
            if any(abs(time - h) < self.ttl for h in times):
                repeated.append(line)
            else:
                times.append(time)
                window.take(line, record, record["user"], time, now)
            held[record["id"]] = times
            watermark.record(part, time)
            if last:
                watermark.end(part)
            if watermark.now != now:
                window.advance(watermark.now)
        window.advance(None)
        return {"sums": window.results, "late": window.late, "repeated": repeated}

    def yaml(self, out, life):
        return f"""sources:
  in:
    type: file
    path: "{self.folder}/in-*.ndjson*"
    read_order: {self.order}
    event_time: ts
    watermark: {{max_lateness: 2s}}
    log_payload: {life['log_payload']}
transforms:
  unique: {{type: dedup, input: in, key: id, ttl: 120s}}
  by_user:
    type: window
    input: unique
    window: {{tumbling: 1m}}
    group_by: user
    aggregate: {{n: count(*), total: sum(n), least: min(n)}}
sinks:
  sums: {{type: file, input: by_user, path: "{out}/sums"}}
  late: {{type: file, input: by_user.late, path: "{out}/late"}}
  repeated: {{type: file, input: unique.duplicates, path: "{out}/repeated"}}
"""


class SequentialJob(FileJob):
    """The same files, one after the other."""
    name = "sequential"
    order = "sequential"


class StdinJob:
    """stdin -> window with corrections (+ late) -> two files."""
    name = "stdin"
    outputs = ("sums", "late")
    stdin = True
    max_lateness, size, allowed_lateness = SECOND, 10 * SECOND, 5 * SECOND

    def __init__(self, folder, seed, records):
        self.path = os.path.join(folder, "stdin.ndjson")
        self.expected = {}
        draw = random.Random(seed * 3 + 2)
        with open(self.path, "wb") as out:
            for i in range(records):
                ms = START_MS + i * 20 - draw.randrange(900)
                if draw.random() < 0.02:
                    ms -= draw.randrange(25000)
                out.write((f'{{"ts":{ms},"user":"u{draw.randrange(25)}","n":{draw.randrange(10**6)},'
                           f'"page":"/{draw.randrange(60)}"}}\n').encode())

    def oracle(self):
        watermark = Watermark({0}, self.max_lateness)

        def fold(state, record):
            state["n"] = state.get("n", 0) + 1
            state["total"] = state.get("total", 0) + record["n"]
            state["most"] = max(state.get("most", record["n"]), record["n"])
            state.setdefault("pages", set()).add(record["page"])
            key = record["ts"]
            if "first" not in state or key < state["first"][0]:
                state["first"] = (key, record["page"])

        window = Window(self.size, self.allowed_lateness, fold,
                        lambda user, s: {"user": user, "n": s["n"], "total": s["total"],
                                         "most": s["most"], "pages": len(s["pages"]),
                                         "first": s["first"][1]})
        with open(self.path, "rb") as file:
            for line in file:
                line = line.decode().rstrip("\n")
                record = json.loads(line)
                time, now = record["ts"] * 1000, watermark.now
                window.take(line, record, record["user"], time, now)
                watermark.record(0, time)
                if watermark.now != now:
                    window.advance(watermark.now)
        window.advance(None)
        return {"sums": window.results, "late": window.late}

    def yaml(self, out, life):
        return f"""sources:
  in: {{type: stdin, event_time: ts, watermark: {{max_lateness: 1s}}}}
transforms:
  by_user:
    type: window
    input: in
    window: {{tumbling: 10s}}
    group_by: user
    allowed_lateness: 5s
    aggregate:
      n: count(*)
      total: sum(n)
      most: max(n)
      pages: count(distinct page)
      first: first(page)
sinks:
  sums: {{type: file, input: by_user, path: "{out}/sums"}}
  late: {{type: file, input: by_user.late, path: "{out}/late"}}
"""
