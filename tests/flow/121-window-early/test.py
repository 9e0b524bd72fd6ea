"""What the clock and the cut of epochs decide: early results, and windows by the clock.

Both are in the log. So the log is read after each run, and a plain computation over its epochs and their clocks
says what must have come out, to the order. Final results are the same however epochs were cut."""
import collections
import json
import os

SECOND = 1000000


class Windows:
    """Tumbling windows by key. A result: (start, key, number, total, revision, final)."""

    def __init__(self, size):
        self.size, self.arrivals, self.open = size, 0, collections.defaultdict(dict)
        self.results = []

    def put(self, time, record):
        group = self.open[time // self.size * self.size].setdefault(
            record["k"], {"first": self.arrivals, "n": 0, "total": 0, "early": 0})
        group["n"] += 1
        group["total"] += record["v"]
        group["changed"] = True
        self.arrivals += 1

    def groups(self, start):
        return sorted(self.open[start].items(), key=lambda item: item[1]["first"])

    def close(self, until):
        """All windows that end there or before; None: all."""
        for start in sorted(start for start in self.open if until is None or start + self.size <= until):
            self.results += [(start, key, group["n"], group["total"], 0, True) for key, group in self.groups(start)]
            del self.open[start]

    def early(self):
        for start in sorted(self.open):
            for key, group in self.groups(start):
                if group["changed"]:
                    self.results.append((start, key, group["n"], group["total"], group["early"], False))
                    group["early"] += 1
                    group["changed"] = False


def by_event_time(epochs, data, every=None):
    """every: early results by the clock in µs; without, at each epoch's end."""
    windows, late, watermark, next_early = Windows(60 * SECOND), [], -1 << 62, 0
    for epoch in epochs:
        if every and epoch.clock >= next_early:
            windows.early()
            next_early = epoch.clock // every * every + every
        for line in epoch.bytes_of(data).splitlines():
            record = json.loads(line)
            time = record["ts"] * SECOND
            if time // windows.size * windows.size + windows.size <= watermark:
                late.append(dict(record, _late_by=watermark - time))
            else:
                windows.put(time, record)
            watermark = max(watermark, time - 15 * SECOND)
            windows.close(watermark)
        if epoch.ended:
            windows.close(None)
        if not every:
            windows.early()
    return windows.results, late


def by_clock(epochs, data):
    windows = Windows(30000)
    for epoch in epochs:
        windows.close(epoch.clock)
        for line in epoch.bytes_of(data).splitlines():
            windows.put(epoch.clock, json.loads(line))
        if epoch.ended:
            windows.close(None)
    return windows.results, []


def input_lines(random, n):
    time, lines = 1700000000, []
    for i in range(n):
        time += random.randrange(3)
        ts = time - random.choice((0, 0, 0, 5, 12, 90))
        lines.append(b'{"ts":%d,"k":"%s","v":%d,"i":%d}\n' % (ts, random.choice((b"a", b"b", b"c")), random.randrange(100), i))
    return lines


def compared(case, what, data, oracle):
    """The results, which are what the oracle makes of the log."""
    epochs = case.epochs()
    check(b"".join(epoch.bytes_of(data) for epoch in epochs) == data, "%s: the log does not hold all of the input once" % what)
    wanted, late = oracle(epochs, data)
    rows = records(case.output().get("sums.ndjson", b""), "sums.ndjson")
    got = [(micros(row["window_start"]), row["k"], row["n"], row["total"], row.get("_revision", 0), row.get("_final", True)) for row in rows]
    for i in range(max(len(wanted), len(got))):
        one, other = wanted[i:i + 1], got[i:i + 1]
        check(one == other, "%s: of %d results (%d came) number %d should be %s, but is %s" % (what, len(wanted), len(got), i, one, other))
    for row in rows:
        size = micros(row["window_end"]) - micros(row["window_start"])
        check(size == (30000 if oracle is by_clock else 60 * SECOND), "%s: a window from %s to %s" % (what, row["window_start"], row["window_end"]))
    compare("late.ndjson", late, records(case.output().get("late.ndjson", b""), "late.ndjson"))
    return got


def on_update(case):
    config = os.path.join(case.folder, "on-update.yaml")
    data = b"".join(input_lines(case.random, 600))
    finals, early = [], []
    for settings in ({}, {"WORKERS": 4, "EPOCH_RECORDS": 1}, {"EPOCH_RECORDS": 7}, {"WORKERS": 2, "EPOCH_BYTES": 700}, {"EPOCH_RECORDS": 5, "kill": True}):
        settings = dict(settings)
        case.fresh()
        write(case.path("in", "lines.ndjson"), data)
        if settings.pop("kill", False):
            for share in (4, 2):
                process = case.start("run", config, **settings)
                out = lambda: len(case.output().get("sums.ndjson", b""))
                try:
                    case.wait_for(process, lambda: out() >= len(early[-1]) * 20 // share, "a part of the results is there")
                except Failed:
                    pass  # it was faster
                process.kill()
                process.communicate()
        result = case.run(config, **settings)
        check(result.status == 0, "on_update, %s: the exit status is %d:\n%s" % (settings, result.status, result.stderr))
        got = compared(case, "on_update, %s" % settings, data, by_event_time)
        finals.append([row for row in got if row[5]])
        early.append([row for row in got if not row[5]])
        check(finals[-1] == finals[0], "on_update, %s: other final results than in one epoch" % settings)
    check(len(finals[0]) > 20 and len(early[1]) > 400 and len(early[2]) > 100, "too little came: %d final, %s early"
          % (len(finals[0]), [len(rows) for rows in early]))
    check(max(row[4] for row in early[1]) > 5, "no window came early several times")


def fed_slowly(case, name, oracle, kill):
    """Each piece of input is sent when the one before has had results; that takes the clock."""
    config = os.path.join(case.folder, name + ".yaml")
    what = name + (", killed" if kill else "")
    case.fresh()
    lines = input_lines(case.random, 80)
    pieces = [b"".join(lines[i:i + 8]) for i in range(0, 80, 8)]
    data, sent = b"".join(pieces), 0
    process, place, said = case.start_stdin(config, data, WORKERS=2)
    for number, piece in enumerate(pieces):
        sent += len(piece)
        process.stdin.write(data[place:sent])
        process.stdin.flush()
        place = sent
        if kill and number in (3, 6):
            process.kill()
            process.communicate()
            process, place, said = case.start_stdin(config, data, WORKERS=3)
            process.stdin.write(data[place:sent])
            process.stdin.flush()
            place = sent
            continue
        before = len(case.output().get("sums.ndjson", b""))
        case.wait_for(process, lambda: len(case.output().get("sums.ndjson", b"")) > before, "%s: piece %d has results" % (what, number))
    process.stdin.close()
    process.wait(60)
    check(process.returncode == 0, "%s: the exit status is %d:\n%s" % (what, process.returncode, "".join(said)))
    return compared(case, what, data, oracle)


def test(case):
    on_update(case)
    for kill in (False, True):
        got = fed_slowly(case, "every", lambda epochs, data: by_event_time(epochs, data, every=20000), kill)
        early = [row for row in got if not row[5]]
        check(5 <= len(early) < len(got), "every: %d early results of %d" % (len(early), len(got)))
        got = fed_slowly(case, "processing", by_clock, kill)
        check(len({row[0] for row in got}) >= 4, "processing: only %d windows" % len({row[0] for row in got}))
