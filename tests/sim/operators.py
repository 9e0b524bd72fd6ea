"""operators: what each transform does with an epoch, one record after the other: plain and slow.

Written from the project's semantics, and from what transforms/README.md decides where these leave room. An operator has
run(epoch, inputs) -> {port: Stream}. A Stream is the rows of an epoch in their order, and the steps of its watermark: from
behind the place (ord) on it is that. A row is judged by the watermark before it.
"""
import heapq

from expressions import Wrong, kind, value_of

NEVER = -(2**63)
FOREVER = 2**63 - 1


class Row:
    """A record at its place. raw: its text as it came in, while nothing has changed it; original: the same, whatever
    was changed since, which is what `.errors` has of it; None: the fields alone count."""

    def __init__(self, ord_, time, fields, raw=None, original=None, position=None):
        self.ord, self.time, self.fields, self.raw, self.original = ord_, time, fields, raw, original
        self.position = position

    def changed(self, fields):
        return Row(self.ord, self.time, fields, None, self.original, self.position)


class Stream:
    def __init__(self, start=NEVER):
        self.rows = []
        self.start = start  # the watermark before the epoch
        self.steps = []  # (ord, watermark), both growing

    def with_rows(self, rows):
        other = Stream(self.start)
        other.rows, other.steps = rows, self.steps
        return other

    def end(self):
        return self.steps[-1][1] if self.steps else self.start

    def advance(self, ord_, watermark):
        if watermark > self.end():
            self.steps.append((ord_, watermark))

    def events(self):
        """Rows, and (ord, watermark), in order; a step is behind the rows of its place."""
        steps = iter(self.steps)
        step = next(steps, None)
        for row in self.rows:
            while step is not None and step[0] < row.ord:
                yield step
                step = next(steps, None)
            yield row
        while step is not None:
            yield step
            step = next(steps, None)


class Epoch:
    def __init__(self, clock, first):
        self.clock, self.first, self.last = clock, first, None


def error_row(row, code, component):
    return Row(row.ord, row.time, {"code": code, "component": component, "of": row})


def merged(inputs):
    """Union by place, then by input; the watermark is the least of all."""
    if len(inputs) == 1:
        return inputs[0]
    out = Stream(min(i.start for i in inputs))
    for _, row in heapq.merge(
        *([((row.ord, i), row) for row in stream.rows] for i, stream in enumerate(inputs)), key=lambda pair: pair[0]
    ):
        # A record that was changed is put into words anew here.
        out.rows.append(row if row.raw is not None else Row(row.ord, row.time, row.fields))
    now = [i.start for i in inputs]
    for (ord_, watermark), i in heapq.merge(*([(step, i) for step in s.steps] for i, s in enumerate(inputs))):
        now[i] = watermark
        # Steps of one place count together.
        if out.steps and out.steps[-1][0] == ord_ and min(now) > out.end():
            out.steps[-1] = (ord_, min(now))
        else:
            out.advance(ord_, min(now))
    return out


class Stateless:
    """filter, map and route: row(row) -> [(port, row)]."""

    def __init__(self, name, options):
        self.name, self.options = name, options

    def ports(self):
        return [""]

    def run(self, _epoch, stream):
        rows = {port: [] for port in [*self.ports(), "errors"]}
        for row in stream.rows:
            try:
                for port, out in self.row(row):
                    rows[port].append(out)
            except Wrong as wrong:
                rows["errors"].append(error_row(row, str(wrong), self.name))
        return {port: stream.with_rows(list_) for port, list_ in rows.items()}


class Filter(Stateless):
    def row(self, row):
        return [("", row)] if value_of(self.options["where"], row.fields) is True else []


class Map(Stateless):
    def row(self, row):
        options, old = self.options, row.fields
        if "select" in options:
            return [("", row.changed({name: value_of(e, old) for name, e in options["select"].items()}))]
        renamed = options.get("rename", {})
        new = {name: value for name, value in old.items() if name not in renamed and name not in options.get("drop", [])}
        new.update({to: old.get(name) for name, to in renamed.items()})
        new.update({name: value_of(e, old) for name, e in options.get("set", {}).items()})
        return [("", row.changed(new))]


class Route(Stateless):
    def ports(self):
        return [*self.options["routes"], "rest"]

    def row(self, row):
        taken = []
        for port, where in self.options["routes"].items():
            if value_of(where, row.fields) is True:
                taken.append((port, row))
                if self.options.get("mode", "first") == "first":
                    break
        return taken or [("rest", row)]


class Merge(Stateless):
    def row(self, row):
        return [("", row)]


def key_of(value):
    """Values that are one key: NULL is one, and so are 1 and 1.0."""
    return (kind(value), value)


class Dedup:
    """transforms/dedup/dedup.h has the rule for any disorder."""

    def __init__(self, name, options):
        self.name = name
        self.key, self.ttl = options["key"], options["ttl"]
        self.last = options.get("keep", "first") == "last"
        self.by_clock = options.get("time", "event") == "processing"
        self.held = {}  # key -> [[time, arrival, row]]
        self.arrivals = 0

    def run(self, epoch, stream):
        out, again = [], []
        if self.by_clock:
            self.expire(epoch.clock, epoch.first, out)
        now = epoch.clock if self.by_clock else stream.start
        for event in stream.events():
            if isinstance(event, Row):
                self.row(event, epoch.clock if self.by_clock else event.time, now, out, again)
            elif not self.by_clock:
                now = event[1]
                self.expire(now, event[0], out)
            elif event[1] == FOREVER:
                self.expire(FOREVER, epoch.last, out)
        if self.last:
            out.sort(key=lambda e: e[:3])
            again.sort(key=lambda e: e[:3])
        rows = {"": stream.with_rows(put(out)), "duplicates": stream.with_rows(put(again))}
        return {**rows, "errors": stream.with_rows([])}

    def row(self, row, time, now, out, again):
        held = self.held.setdefault(tuple(key_of(value_of(k, row.fields)) for k in self.key), [])
        arrival = self.arrivals
        self.arrivals += 1
        near = [h for h in held if h[0] + self.ttl > now and abs(time - h[0]) < self.ttl]
        if not self.last:
            if near:
                again.append((row.ord, time, arrival, row, row.time))
            else:
                held.append([time, arrival, row])
                out.append((row.ord, time, arrival, row, row.time))
            return
        if near:
            met = max(near, key=lambda h: h[0])
            if time < met[0]:
                again.append((row.ord, time, arrival, row, time))
                return
            held.remove(met)
            again.append((row.ord, met[0], met[1], met[2], met[0]))
        if time + self.ttl <= now:
            out.append((row.ord, time, arrival, row, time))
        else:
            held.append([time, arrival, row])

    def expire(self, now, ord_, out):
        for key in list(self.held):
            for h in [h for h in self.held[key] if h[0] + self.ttl <= now]:
                self.held[key].remove(h)
                if self.last:
                    out.append((ord_, h[0], h[1], h[2], h[0]))
            if not self.held[key]:
                del self.held[key]


def put(entries):
    """The rows of (place, ..., row, time), there."""
    rows = []
    for ord_, _, _, row, time in entries:
        rows.append(Row(ord_, time, row.fields, row.raw, row.original, row.position))
    return rows


class Aggregate:
    """One aggregate of one group. NULLs are skipped but by count(*)."""

    def __init__(self, how, field):
        self.how, self.field, self.seen = how, field, []

    def refuses(self, record):
        value = None if self.field is None else value_of(self.field, record)
        return self.how in ("sum", "avg", "min", "max") and value is not None and kind(value) != "number"

    def add(self, record, time):
        value = 1 if self.field is None else value_of(self.field, record)
        if value is not None:
            self.seen.append((time, value))

    def result(self):
        values = [v for _, v in self.seen]
        if self.how == "count":
            return len(values)
        if self.how == "count distinct":
            return len({key_of(v) for v in values})
        if not values:
            return None
        if self.how == "sum":
            return sum(values)
        if self.how == "avg":
            return float(sum(values)) / len(values)
        if self.how in ("min", "max"):
            return (min if self.how == "min" else max)(values)
        times = [t for t, _ in self.seen]
        if self.how == "first":
            return values[times.index(min(times))]
        return values[len(times) - 1 - times[::-1].index(max(times))]


class Group:
    def __init__(self, key, first_arrival, aggregates):
        self.key, self.first_arrival, self.aggregates = key, first_arrival, aggregates
        self.revision = self.early_revision = 0
        self.closed = self.changed = False


class Window:
    def __init__(self, name, options, timestamp):
        self.name, self.options, self.timestamp = name, options, timestamp
        shape = options["window"]
        self.size = shape.get("tumbling") or shape["hopping"]
        self.every = shape.get("every", self.size)
        self.offset = shape.get("offset", 0)
        self.lateness = options.get("allowed_lateness", 0)
        self.by_clock = options.get("time", "event") == "processing"
        emit = options.get("emit", {})
        self.on_close = emit.get("on_close", True)
        self.on_update = emit.get("on_update", False)
        self.early_every = emit.get("every")
        self.numbered = self.on_update or self.early_every is not None or self.lateness > 0
        self.next_early = NEVER
        self.open = {}  # start -> {key: Group}
        self.arrivals = 0

    def starts(self, time):
        start = time - (time - self.offset) % self.every
        while start > time - self.size:
            yield start
            start -= self.every

    def run(self, epoch, stream):
        results, late, errors = [], [], []
        if self.by_clock:
            self.close(epoch.clock, epoch.first, results)
            self.forget(epoch.clock, epoch, results)
        if self.early_every is not None and epoch.clock >= self.next_early:
            self.give_changed(epoch.first, results)
            self.next_early = epoch.clock - epoch.clock % self.early_every + self.early_every
        now = stream.start
        for event in stream.events():
            if isinstance(event, Row):
                self.row(event, epoch.clock if self.by_clock else event.time, now, results, late, errors)
            elif not self.by_clock:
                now = event[1]
                self.close(now, event[0], results)
                self.forget(now, epoch, results)
            elif event[1] == FOREVER:
                self.close(FOREVER, epoch.last, results)
                self.forget(FOREVER, epoch, results)
        if self.on_update:
            self.give_changed(epoch.last, results)
        return {
            "": stream.with_rows(self.having(results)),
            "late": stream.with_rows(late),
            "errors": stream.with_rows(errors),
        }

    def row(self, row, time, now, results, late, errors):
        arrival = self.arrivals
        self.arrivals += 1
        spare = self.aggregates()
        if any(a.refuses(row.fields) for a in spare.values()):
            errors.append(error_row(row, "aggregate.type", self.name))
            return
        starts = list(self.starts(time))
        if not self.by_clock:
            there = [s for s in starts if s + self.size + self.lateness > now]
            if starts and not there and self.options.get("on_late", "side_output") == "side_output":
                late.append(row.changed({**row.fields, "_late_by": now - row.time}))
            starts = there
        values = [value_of(e, row.fields) for e in self.options.get("group_by", {}).values()]
        key = tuple(key_of(v) for v in values)
        for start in sorted(starts):
            groups = self.open.setdefault(start, {})
            closed = not self.by_clock and start + self.size <= now
            if key not in groups:
                # 1.0 and 1 are one group, which is put out as 1.
                shown = [int(v) if isinstance(v, float) and v == int(v) else v for v in values]
                groups[key] = Group(shown, arrival, self.aggregates())
                groups[key].closed = closed
            group = groups[key]
            for aggregate in group.aggregates.values():
                aggregate.add(row.fields, row.time)
            if closed and self.on_close:
                self.give(start, group, row.ord, True, results)
            else:
                group.changed = True

    def aggregates(self):
        return {name: Aggregate(*how) for name, how in self.options["aggregate"].items()}

    def close(self, until, ord_, results):
        for start in sorted(self.open):
            if start + self.size > until:
                break
            for group in self.open[start].values():
                if not group.closed:
                    group.closed = True
                    if self.on_close:
                        self.give(start, group, ord_, True, results)
                        group.changed = False

    def forget(self, until, epoch, results):
        for start in sorted(self.open):
            if start + self.size + self.lateness > until:
                break
            if not self.on_close:
                for group in self.open[start].values():
                    if group.changed:
                        self.give(start, group, epoch.last, False, results)
            del self.open[start]

    def give_changed(self, ord_, results):
        for start in sorted(self.open):
            for group in self.open[start].values():
                if group.changed:
                    group.changed = False
                    self.give(start, group, ord_, False, results)

    def give(self, start, group, ord_, final, results):
        fields = {"window_start": self.timestamp(start), "window_end": self.timestamp(start + self.size)}
        fields.update(zip(self.options.get("group_by", {}), group.key))
        fields.update({name: a.result() for name, a in group.aggregates.items()})
        if self.numbered:
            fields["_revision"] = group.revision if final else group.early_revision
            fields["_final"] = final
        if final:
            group.revision += 1
        else:
            group.early_revision += 1
        results.append(((ord_, start, group.first_arrival), Row(ord_, start + self.size - 1, fields)))

    def having(self, results):
        results.sort(key=lambda r: r[0])
        having = self.options.get("having")
        return [row for _, row in results if having is None or value_of(having, row.fields) is True]
