"""Two pipelines in one daemon, from a folder of configuration. What one of them meets, a bad record, a damaged state
folder, a full stop, is no harm to the other; each has its own state, and goes on where it was."""
import json
import os
import shutil


def sums(data):
    minute, groups = 60 * 1000000, {}
    for line in data.splitlines():
        record = json.loads(line)
        group = groups.setdefault((record["ts"] // 60, record["k"]), [0, 0])
        group[0] += 1
        group[1] += record["v"]
    return [(start * minute, key, n, total) for (start, key), (n, total) in groups.items()]


def compare_good(what, data, got):
    """Windows close in order of time, in one by first arrival: the order in which they were begun, as time goes up."""
    got = [(micros(row["window_start"]), row["k"], row["n"], row["total"]) for row in records(got, "good.ndjson")]
    check(got == sums(data), "%s: out/good.ndjson is not what it should be" % what)


def damage(case):
    """The log of the pipeline `bad`, in its middle."""
    folder = case.path("state", "bad", "log")
    path = os.path.join(folder, min(name for name in os.listdir(folder) if name[0].isdigit()))
    content = bytearray(read(path))
    content[4096 + 60] ^= 1
    write(path, bytes(content))


def test(case):
    config = os.path.join(case.folder, "conf")
    good = b"".join(b'{"ts":%d,"k":"%s","v":%d}\n' % (1700000000 + i // 5, case.random.choice((b"a", b"b")), i) for i in range(6000))
    lines = [b'{"n":%d}\n' % i for i in range(3000)]
    before, broken, whole = b"".join(lines[:1500]), b"".join(lines[:1500] + [b"{broken\n"] + lines[1500:]), b"".join(lines)
    first = None
    for settings in ({}, {"WORKERS": 3, "EPOCH_RECORDS": 50, "CHECKPOINT": "10ms"}):
        case.fresh()
        write(case.path("in", "good.ndjson"), good)
        write(case.path("in", "bad.ndjson"), broken)
        what = "a bad record, %s" % settings
        result = case.run(config, **settings)
        check(result.status == 65, "%s: the exit status is %d, not 65:\n%s" % (what, result.status, result.stderr))
        check(result.says("error: bad: .*byte %d\\b" % len(before)) and not result.says("error: good"),
              "%s: the diagnostics do not name the pipeline and its record:\n%s" % (what, result.stderr))
        compare_good(what, good, case.output()["good.ndjson"])
        check(case.output().get("bad.ndjson", b"") in (b"", before) or before.startswith(case.output()["bad.ndjson"]),
              "%s: more came out than was before the record" % what)
        first = first or case.output()["good.ndjson"]
        check(sorted(os.listdir(case.path("state"))) == ["bad", "good"], "%s: the state is not in a folder each" % what)

        # Once more: the one has nothing left to do, the other stops at the same place.
        result = case.run(config, **settings)
        check(result.status == 65 and case.output()["good.ndjson"] == first, "%s, again: status %d:\n%s" % (what, result.status, result.stderr))

        # Repaired, and more for the other one.
        write(case.path("in", "bad.ndjson"), whole)
        result = case.run(config, **settings)
        check(result.status == 0, "%s, repaired: the exit status is %d:\n%s" % (what, result.status, result.stderr))
        same("%s, repaired" % what, {"good.ndjson": first, "bad.ndjson": whole}, case.output())

        # The state of one does not open: the other runs all the same.
        case.fresh()
        write(case.path("in", "good.ndjson"), good)
        write(case.path("in", "bad.ndjson"), broken)
        os.rename(case.path("in", "good.ndjson"), case.path("in", "later"))
        write(case.path("in", "good.ndjson"), b"")
        case.run(config, **settings)
        shutil.rmtree(case.path("state", "good"))
        os.replace(case.path("in", "later"), case.path("in", "good.ndjson"))
        damage(case)
        what = "a damaged log, %s" % settings
        result = case.run(config, **settings)
        check(result.status not in (0, 65) and result.says("error: bad: .*/state/bad/log/"), "%s: status %d:\n%s" % (what, result.status, result.stderr))
        compare_good(what, good, case.output()["good.ndjson"])

    # kill -9 hits both.
    for kills in range(3):
        case.fresh()
        write(case.path("in", "good.ndjson"), good)
        write(case.path("in", "bad.ndjson"), whole)
        settings = {"WORKERS": 2, "EPOCH_RECORDS": 20, "CHECKPOINT": "10ms"}
        process = case.start("run", config, **settings)
        sizes = lambda: [len(case.output().get(name, b"")) for name in ("good.ndjson", "bad.ndjson")]
        least = case.random.randrange(len(whole) // 2)
        try:
            case.wait_for(process, lambda: sizes()[1] > least, "there is output")
        except Failed:
            pass  # it was faster
        process.kill()
        process.communicate()
        result = case.run(config, **settings)
        what = "kill -9 (FLOW_SEED=%d)" % case.seed
        check(result.status == 0, "%s: the exit status is %d:\n%s" % (what, result.status, result.stderr))
        same(what, {"good.ndjson": first, "bad.ndjson": whole}, case.output())
