"""data: records in about the order of time, with all that can be wrong with them. Times lie around the beginning of the
simulated clock, 2026-01-01."""
import json

START_MS = 1767225600000


class Data:
    """Records in about the order of time, with all that can be wrong with them."""

    def __init__(self, rng):
        self.rng = rng
        self.next_id = 1000
        self.disorder = rng.choice([0, 200, 1500, 8000])
        self.odd = rng.choice([0, 0.02, 0.1])
        self.broken = rng.choice([0, 0.02, 0.1])
        self.again = rng.choice([0, 0.05, 0.3])
        self.step = rng.choice([5, 40, 250, 1500])
        self.pad = rng.choice([0, 0, 0, 300, 2000])
        self.made = []

    def line(self, ms, whole=False):
        rng = self.rng
        if not whole and rng.random() < self.broken:
            return rng.choice(['{"id":7,"t":12', "[1]", "nothing", '{"broken":', '"text"'])
        if self.made and rng.random() < self.again:
            record = dict(rng.choice(self.made[-30:]))
            if rng.random() < 0.5:
                record["t"] = self.time(ms)
        else:
            record = {"id": self.next_id, "t": self.time(ms)}
            self.next_id += 1
            if rng.random() < 0.95:
                record["k"] = rng.choice(["a", "b", "c", "c", "d\u00e9", 1, 1.0, True, None, ""])
            if rng.random() < 0.9:
                record["v"] = rng.choice([rng.randrange(-50, 100), rng.randrange(0, 400) / 4, None])
                if rng.random() < self.odd:
                    record["v"] = rng.choice(["12", True, "x", [1], {"a": 1}])
            record["w"] = rng.randrange(0, 100)
            record["r"] = rng.choice(["eu", "us", "asia"])
            if rng.random() < 0.2:
                record["j"] = {"a": [1, {"b": None}], "c": "\"\\\u20ac"}
            if self.pad:
                record["pad"] = "x" * rng.randrange(self.pad)
            self.made.append(record)
        separators = rng.choice([(",", ":"), (", ", ": ")])
        return json.dumps(record, separators=separators, ensure_ascii=rng.random() < 0.5)

    def time(self, ms):
        rng = self.rng
        ms -= rng.randrange(self.disorder + 1)
        if rng.random() < 0.02:
            ms -= rng.choice([10000, 60000, 600000])
        odd = rng.random() / max(self.odd, 1e-9)
        if odd < 0.2:
            return rng.choice(["yesterday", None, [1], True, "2026-13-01T00:00:00Z"])
        if odd < 0.3:
            return 2000000000000
        if odd < 0.6:
            seconds, rest = divmod(ms - START_MS, 1000)
            seconds %= 86400
            day = 1 + (ms - START_MS) // 86400000
            stamp = f"2026-01-{day:02}" if day > 0 else "2025-12-31"
            return f"{stamp}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}Z"
        return ms

    def lines(self, n, from_ms, whole=False):
        return [self.line(from_ms + i * self.step, whole) for i in range(n)]
