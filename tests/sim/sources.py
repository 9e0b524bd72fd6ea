"""sources: lines to rows, and the watermark, as section 1 of the semantics has it."""
import datetime
import json

from expressions import Wrong, value_of
from operators import FOREVER, NEVER, Row, Stream, error_row

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


def time_of(value):
    """Text is ISO 8601, a number milliseconds."""
    if isinstance(value, str):
        try:
            when = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
        span = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (span.days * 86400 + span.seconds) * 10**6 + span.microseconds
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value * 1000)
    return None


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
        self.when, self.value = watermark.get("when"), watermark.get("value")
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
        try:
            if broken:
                raise Wrong("json.syntax")
            if self.timed:
                row.time = self.time(epoch, row.fields.get("t"))
            watermark = self.said(epoch, row) if self.when is not None else row.time - self.lateness
        except Wrong as wrong:
            self.errors.rows.append(error_row(row, str(wrong), self.name))
            self.errors.rows[-1].position = row.position
            return
        self.out.rows.append(row)
        p.active, self.idle_since = epoch.clock, None
        p.watermark = max(p.watermark, watermark)
        if p.idle:
            # Back again, but it counts only once it has caught up.
            p.behind = p.watermark < self.watermark
            p.idle = p.behind
        self.least(ord_)

    def time(self, epoch, value):
        if value is None:
            raise Wrong("time.missing")
        time = time_of(value)
        if time is None:
            raise Wrong("time.invalid")
        if time > epoch.clock + MAX_FUTURE:
            raise Wrong("time.future")
        return time

    def said(self, epoch, row):
        """The watermark that a punctuation says."""
        if value_of(self.when, row.fields) is not True:
            return NEVER
        time = time_of(value_of(self.value, row.fields))
        if time is None:
            raise Wrong("time.punctuation")
        if time > epoch.clock + MAX_FUTURE:
            raise Wrong("time.future")
        return time

    def partition_end(self, ord_, number):
        self.partitions[number].ended = True
        self.least(ord_)

    def end(self, ord_):
        self.ended = True
        self.advance(ord_, FOREVER)


def lines_of(data, position):
    """Lines with their positions, blank ones left out."""
    for line in data.split(b"\n"):
        if line.strip():
            yield position, line.decode()
        position += len(line) + 1
