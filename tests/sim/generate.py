"""generate: from a seed a pipeline, its input, and what happens to it.

    generate.py SEED FOLDER        writes case.json, p.yaml (and others for reloads), the input files and `script`

make(seed) gives the case as a dict, which is also what the model reads; case_files.py writes it. What is drawn keeps to what
the model can say: operators in expressions get types for which the outcome is one thing.
"""
import random
import sys

import case_files
from data import START_MS, Data

FIELDS = ("id", "t", "k", "v", "w", "r", "nowhere")
CHANGED = (*FIELDS, "nowhere")  # some field is gone, and naming it would be an error
CLOSED = ("id", "k", "v", "w", "r", "z")  # there is no other
SETTINGS = {
    "workers": [1, 2, 3],
    "epoch.bytes": ["200", "500", "1KiB", "2KiB", "16KiB", "1MiB"],
    "epoch.records": [0, 0, 1, 7, 50],
    "epoch.age": ["0s", "5ms", "50ms"],
    "epoch.linger": ["0s", "0s", "10ms"],
    "checkpoint.interval": ["1ms", "1ms", "3ms", "3ms", "20ms", "10s"],
    "log.sync": ["always", "interval", "never"],
    "log.sync_interval": ["1ms", "5ms", "50ms"],
}


def settings(rng, delivery):
    chosen = {"delivery": delivery, "state": {"dir": "/state"}, "shards": rng.choice([1, 2, 4, 16])}
    for name, values in SETTINGS.items():
        group, _, option = name.partition(".")
        if rng.random() < 0.9:
            if option:
                chosen.setdefault(group, {})[option] = rng.choice(values)
            else:
                chosen[group] = rng.choice(values)
    chosen.setdefault("log", {})["segment"] = "1MiB"
    if chosen.get("log", {}).get("sync") == "never":
        del chosen["log"]["sync"]  # promises nothing when the power fails
    return chosen


# ---------------------------------------------------------------------- sources


class Maker:
    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.data = Data(rng)
        self.case = {
            "seed": seed, "sources": [], "transforms": [], "sinks": [], "inputs": {}, "script": [], "refuse": 0,
            "determined": False, "delivery": "exactly_once", "reloads": [],
        }
        self.streams = []  # (name, fields): of those that can be read further
        self.from_ms = START_MS - rng.choice([60000, 3600000, 300000])

    def text_of(self, n, whole=False):
        lines = self.data.lines(n, self.from_ms, whole)
        if self.rng.random() < 0.1:
            lines.insert(self.rng.randrange(n + 1), "")
        return "\n".join(lines) + ("\n" if self.rng.random() < 0.8 else "")

    def source(self, name, type_, bounded, reads, **options):
        rng = self.rng
        if rng.random() < 0.9:
            options["event_time"] = "t"
            if rng.random() < 0.8:
                options["watermark"] = {"max_lateness": rng.choice(["0s", "500ms", "2s", "10s"])}
            elif rng.random() < 0.6:
                behind = ["-", ["f", "t"], ["n", rng.choice([0, 2000, 10000])]]
                options["watermark"] = {"when": ["=", ["%", ["f", "id"], ["n", 5]], ["n", 0]], "value": behind}
        else:
            self.case["by_clock"] = True
        if not bounded and rng.random() < 0.6:
            watermark = options.setdefault("watermark", {})
            watermark["idle_timeout"] = rng.choice(["300ms", "1s", "5s"])
            watermark["when_idle"] = rng.choice(["advance", "hold"])
        if type_ != "http" and rng.random() < 0.15:
            options["log_payload"] = True
        self.case["sources"].append({"name": name, "type": type_, "options": options, "bounded": bounded, "reads": reads})
        self.streams.append((name, FIELDS))

    def files(self, name):
        rng = self.rng
        n = rng.choice([1, 1, 2, 3])
        folder = f"/in/{name}"
        reads = [f"{folder}-{i}.ndjson" for i in range(n)]
        for path in reads:
            self.case["inputs"][path] = self.text_of(rng.randrange(0, 500) // n)
            self.from_ms += rng.choice([0, 0, 20000])
        options = {"path": f"{folder}-*.ndjson"}
        if rng.random() < 0.3:
            options["read_order"] = "sequential"
        self.source(name, "file", True, reads, **options)

    def standard_input(self, name):
        self.case["inputs"]["stdin"] = self.text_of(self.rng.randrange(1, 400))
        self.source(name, "stdin", True, ["stdin"])

    def tail(self, name):
        n = self.rng.choice([1, 2])
        reads = [f"/in/{name}-{i}.log" for i in range(n)]
        for path in reads:
            self.case["inputs"][path] = self.text_of(self.rng.randrange(1, 150)).rstrip("\n") + "\n"
        self.source(name, "file", False, reads, mode="tail", path=f"/in/{name}-*.log")

    def push(self):
        rng = self.rng
        addresses = rng.choice([1, 2])
        bodies = [
            "\n".join(self.data.lines(rng.choice([1, 1, 2, 5]), self.from_ms + i * 300, True)) for i in range(rng.randrange(4, 30))
        ]
        # A record is known again by its text.
        self.case["inputs"]["pushed"] = "\n\n".join(self.unlike(bodies)) + "\n"
        self.case["addresses"] = addresses
        for i in range(addresses):
            self.source(f"pushed{i}", "http", False, [], listen=f"127.0.0.1:{8080 + i}")

    def unlike(self, bodies):
        number = 0
        out = []
        for body in bodies:
            lines = []
            for line in body.split("\n"):
                lines.append(line[:-1] + f', "n": {number}}}')
                number += 1
            out.append("\n".join(lines))
        return out

    def sources(self):
        rng = self.rng
        draw = rng.random()
        if draw < 0.4:
            self.files("a")
        elif draw < 0.52:
            self.standard_input("a")
        elif draw < 0.7:
            self.files("a")
            (self.standard_input if rng.random() < 0.5 else self.files)("b")
        elif draw < 0.85:
            self.push()
        else:
            self.tail("a")
            if rng.random() < 0.3:
                self.push()

    # ------------------------------------------------------------------ transforms

    def condition(self, fields):
        """Of operands that are always of one type, so that any of them may be put together; or one alone that may fail."""
        rng = self.rng
        if "id" not in fields:  # results of a window
            return [rng.choice([">", ">=", "<>"]), ["f", "n"], ["n", rng.randrange(0, 4)]]
        safe = [
            lambda: ["=", ["%", ["f", "id"], ["n", rng.choice([2, 3, 7])]], ["n", 0]],
            lambda: ["in", ["f", "r"], rng.sample(["eu", "us", "asia", "moon"], 2)],
            lambda: [rng.choice(["is null", "is not null"]), ["f", rng.choice(["k", "v", fields[-1]])]],
            lambda: [rng.choice(["=", "<>", "<", ">="]), ["f", "r"], ["n", rng.choice(["eu", "f"])]],
        ]
        draw = rng.random()
        if draw < 0.4:
            return rng.choice(safe)()
        if draw < 0.6:
            return [rng.choice(["and", "or"]), rng.choice(safe)(), rng.choice(safe)()]
        if draw < 0.7:
            return ["not", rng.choice(safe)()]
        return [rng.choice(["<", "<=", ">", ">="]), ["f", "v"], ["n", rng.choice([0, 20, 33.5])]]

    def value(self, fields):
        rng = self.rng
        return rng.choice([
            lambda: [rng.choice(["+", "-", "*"]), ["f", "v"], ["n", rng.randrange(1, 5)]],
            lambda: ["+", ["f", "w"], ["f", "id"]],
            lambda: ["coalesce", ["f", "k"], ["n", "none"]],
            lambda: ["case", self.condition(fields), ["n", "yes"], ["n", "no"]],
            lambda: ["f", rng.choice(["v", "k", fields[-1]])],
        ])()

    def pick(self):
        return self.rng.choice(self.streams)

    def add(self, name, type_, inputs, options):
        self.case["transforms"].append({"name": name, "type": type_, "input": inputs, "options": options})

    def filter(self, name):
        of, fields = self.pick()
        self.add(name, "filter", [of], {"where": self.condition(fields)})
        self.streams.append((name, fields))

    def map(self, name):
        rng = self.rng
        of, fields = self.pick()
        if "id" not in fields:
            self.add(name, "map", [of], {"set": {"more": ["+", ["f", "n"], ["n", 1]]}})
        elif rng.random() < 0.3:
            select = {f: ["f", f] for f in ("id", "k", "v", "w", "r")}
            self.add(name, "map", [of], {"select": {**select, "z": self.value(fields)}})
            fields = CLOSED
        else:
            options = {"set": {"x": self.value(fields), "y": self.value(fields)}}
            if fields == FIELDS and rng.random() < 0.4:
                options["drop"] = ["j"]
                fields = CHANGED
            if fields == FIELDS and rng.random() < 0.4:
                options["rename"] = {"pad": "filler"}
                fields = CHANGED
            self.add(name, "map", [of], options)
        self.streams.append((name, fields))

    def route(self, name):
        rng = self.rng
        of, fields = self.pick()
        if "id" not in fields:
            return
        routes = {port: self.condition(fields) for port in ("one", "two")[: rng.choice([1, 2])]}
        self.add(name, "route", [of], {"routes": routes, "mode": rng.choice(["first", "all"])})
        self.streams += [(f"{name}.{port}", fields) for port in [*routes, "rest"]]

    def merge(self, name):
        same = [s for s in self.streams if "id" in s[1]]
        if len(same) >= 2:
            chosen = self.rng.sample(same, 2)
            self.add(name, "merge", [s[0] for s in chosen], {})
            self.streams.append((name, next((s[1] for s in chosen if s[1] != FIELDS), FIELDS)))

    def dedup(self, name):
        rng = self.rng
        of, fields = self.pick()
        options = {"ttl": rng.choice(["1s", "5s", "60s", "1h"])}
        options["key"] = [["f", f] for f in rng.choice([["id"], ["id"], ["k", "r"], ["w"]])] if "id" in fields else [["f", "n"]]
        if rng.random() < 0.3:
            options["keep"] = "last"
        if rng.random() < 0.1:
            options["time"] = "processing"
            self.case["by_clock"] = True
        self.add(name, "dedup", [of], options)
        self.streams += [(name, fields), (name + ".duplicates", fields)]

    def window(self, name):
        rng = self.rng
        of, fields = self.pick()
        size = rng.choice([1, 5, 10, 60])
        shape = {"tumbling": f"{size}s"}
        if rng.random() < 0.4:
            shape = {"hopping": f"{size}s", "every": f"{rng.choice([size, max(size // 2, 1), max(size // 5, 1), size + 3])}s"}
        if rng.random() < 0.2:
            shape["offset"] = f"{rng.randrange(1, 5)}s"
        options = {"window": shape, "aggregate": {"n": ["count", None]}}
        options["on_late"] = rng.choice(["side_output", "side_output", "drop"])
        if "id" in fields:
            if rng.random() < 0.8:
                options["group_by"] = {f: ["f", f] for f in rng.choice([["k"], ["r"], ["k", "r"]])}
            of_any = [("count", "k"), ("count distinct", "id"), ("first", "id"), ("last", "id"),
                      ("sum", "w"), ("min", "w"), ("max", "id"), ("avg", "w"), ("sum", "v"), ("avg", "v")]
            for i, (how, field) in enumerate(rng.sample(of_any, rng.choice([1, 2, 4]))):
                options["aggregate"][f"a{i}"] = [how, ["f", field]]
        else:
            options["aggregate"]["m"] = ["sum", ["f", "n"]]
        if rng.random() < 0.2:
            options["having"] = [">", ["f", "n"], ["n", rng.choice([0, 1, 3])]]
        if rng.random() < 0.35:
            options["allowed_lateness"] = rng.choice(["1s", "7s", "60s"])
        if rng.random() < 0.15:
            options["emit"] = rng.choice([{"on_update": True}, {"every": "1s"}, {"on_close": False, "on_update": True}])
            self.case["by_clock"] = True
        elif rng.random() < 0.08:
            options["time"] = "processing"
            options.pop("allowed_lateness", None)
            self.case["by_clock"] = True
        self.add(name, "window", [of], options)
        self.streams.append((name, ("n",)))
        if options["on_late"] == "side_output":
            self.streams.append((name + ".late", fields))

    def transforms(self):
        rng = self.rng
        kinds = [self.filter, self.map, self.route, self.merge]
        if self.case["delivery"] != "at_most_once":
            kinds += [self.dedup, self.dedup, self.window, self.window, self.window]
        if len(self.streams) > 1:
            self.merge("all")
        for i in range(rng.choice([1, 1, 2, 3, 4])):
            rng.choice(kinds)(f"t{i}")

    # ------------------------------------------------------------------ sinks

    def sinks(self):
        rng = self.rng
        ports = [name for name, _ in self.streams]
        ports += [c["name"] + ".errors" for c in self.case["sources"] + self.case["transforms"]]
        rng.shuffle(ports)
        last = self.streams[-1][0]
        chosen = [last] + [p for p in ports if p != last][: rng.choice([1, 3, 5])]
        for i, port in enumerate(chosen):
            draw = rng.random()
            type_ = "file" if draw < 0.75 else "http" if draw < 0.9 else "stdout" if draw < 0.95 else "blackhole"
            if type_ == "stdout" and any(s["type"] == "stdout" for s in self.case["sinks"]):
                type_ = "file"
            self.sink(f"s{i}", type_, port)

    def sink(self, name, type_, port, **more):
        rng = self.rng
        options, file = {}, name
        if type_ == "file":
            options["path"] = f"/out/{name}"
            if "r" in dict(self.streams).get(port, ()) and rng.random() < 0.15:
                options["path"] += ".{{r}}"
                more["by"] = "r"
            elif rng.random() < 0.1:
                options["rotate"] = {"size": rng.choice(["300", "2KiB"])}
                more["rotates"] = True
        elif type_ == "http":
            options.update(url=f"http://receiver/{name}", timeout="700ms")
            options["batch"] = {"records": rng.choice([1, 3, 20, 1000])}
            options["retry"] = {"initial": "10ms", "max": "1s"}
            if "id" in dict(self.streams).get(port, ()) and rng.random() < 0.2:
                options.update(concurrency=2, key=["f", "id"])
            if not self.case["refuse"] and "errors" not in port and rng.random() < 0.3:
                self.case["refuse"] = rng.choice([5, 17])
                self.sink(name + "_bad", "file", name + ".errors")
        elif type_ == "stdout":
            file = "stdout"
        self.case["sinks"].append({"name": name, "type": type_, "input": port, "options": options, "file": file, **more})

    # ------------------------------------------------------------------ what happens

    def lives(self):
        rng = self.rng
        script = self.case["script"]
        for _ in range(rng.choice([0, 1, 2, 4, 8, 16])):
            words = [f"crash={rng.randrange(1, rng.choice([40, 100, 200, 600]))}", "unsynced=" + rng.choice(["kept", "dropped", "mixed"])]
            draw = rng.random()
            if draw < 0.15:
                words = [f"fail={rng.randrange(1, 300)}"]
            if rng.random() < 0.3:
                words.append("short=1")
            if rng.random() < 0.2:
                at = rng.randrange(1, 60)
                words.append(f"full={at}-{at + rng.randrange(1, 60)}")
            if rng.random() < 0.2:
                at = rng.randrange(0, 60)
                words.append(f"dead={at}-{at + rng.randrange(1, 60)}")
            if rng.random() < 0.15:
                words.append(f"jump={rng.randrange(1, 60)}:{rng.choice([-1, 1]) * rng.randrange(1, 10**rng.randrange(4, 10))}")
            if rng.random() < 0.2:
                words.append(f"cut={rng.choice([1000, 20000])}")
            # What a producer sent to a pipeline that failed is gone, and a reload would open that anew.
            restarts = "stdin" in self.case["inputs"] and "fail" in words[0]
            if not restarts and rng.random() < 0.3:
                words += [f"reload={rng.randrange(0, 80)}:{self.reload()}" for _ in range(rng.choice([1, 1, 2]))]
            script.append("life " + " ".join(words))
        if self.case["determined"] and rng.random() < 0.25:
            if script:
                script[-1] = script[-1].replace("unsynced=dropped", "unsynced=kept")
            script.append("life rot=1")

    def reload(self):
        """Other settings, now and then another sink."""
        rng, n = self.rng, len(self.case["reloads"])
        changed = settings(rng, self.case["delivery"])
        changed["shards"] = self.case["settings"]["shards"]
        added = [s["name"] for s in self.case["sinks"] if s.get("added")]
        if not added and rng.random() < 0.3 and self.case["delivery"] == "exactly_once":
            self.sink("added", "file", rng.choice(self.streams)[0], added=True)
            added = ["added"]
        self.case["reloads"].append({"settings": changed, "added": added})
        return f"{n}.yaml"

    def make(self):
        rng, case = self.rng, self.case
        draw = rng.random()
        self.sources()
        bounded = all(s["bounded"] for s in case["sources"])
        if draw < 0.15:
            case["delivery"] = "at_least_once"
        elif draw < 0.25 and bounded:
            case["delivery"] = "at_most_once"
        case["settings"] = settings(rng, case["delivery"])
        self.transforms()
        self.sinks()
        case["determined"] = len(case["sources"]) == 1 and bounded and not case.get("by_clock") and all(
            "event_time" in s["options"] for s in case["sources"]
        ) and case["sources"][0]["type"] in ("file", "stdin") and all(len(t) < 200000 for t in case["inputs"].values())
        self.lives()
        return case


def make(seed):
    return Maker(seed).make()


if __name__ == "__main__":
    case_files.write(make(int(sys.argv[1])), sys.argv[2])
