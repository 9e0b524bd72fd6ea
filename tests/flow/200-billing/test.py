"""The quickstart's pipeline, examples/billing.yaml, against a plain computation over the whole input."""
import collections
import datetime
import json
import os


def micros(text):
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ")
    return (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


def stamp(us):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%SZ")


def oracle(lines):
    minute, watermark = 60 * 1000000, -1 << 62
    seen, windows, late, repeated = set(), {}, [], []
    for line in lines:
        record = json.loads(line)
        ts = micros(record["ts"])
        if record["request_id"] in seen:  # all within the ttl of a day
            repeated.append(record)
        else:
            seen.add(record["request_id"])
            start = ts // minute * minute
            if start + minute <= watermark:
                late.append(dict(record, _late_by=watermark - ts))
            else:
                row = windows.setdefault(start, collections.OrderedDict()).setdefault(record["user_id"], [0, 0])
                row[0] += 1
                row[1] += record["tokens"]["prompt"] + record["tokens"]["completion"]
        watermark = max(watermark, ts - 5 * 1000000)
    usage = [{"window_start": stamp(start), "window_end": stamp(start + minute), "user_id": user,
              "requests": row[0], "tokens": row[1]} for start in sorted(windows) for user, row in windows[start].items()]
    return {"usage.ndjson": usage, "late.ndjson": late, "repeated.ndjson": repeated}


def test(case):
    made = case.command("generate", "--preset", "billing", "--seed", "11", "--count", "12000", "--interval", "20ms")
    check(made.status == 0, made.stderr)
    os.environ["QUICKSTART_DIR"] = case.path("out")
    config = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(case.folder))), "examples", "billing.yaml")
    wanted = oracle(made.stdout.decode().splitlines())
    found = {name: len(rows) for name, rows in wanted.items()}
    check(min(found.values()) > 5, "the input has too little of something: %s" % found)
    for kills in (0, 3):
        case.fresh()
        write(case.path("out", "requests.ndjson"), made.stdout)
        for _ in range(kills):
            case.run(config, kill_after=case.random.uniform(0, 0.3))
        result = case.run(config)
        check(result.status == 0, "status %d\n%s" % (result.status, result.stderr))
        output = {name: data for name, data in case.output().items() if name in wanted}
        for name, rows in wanted.items():
            compare(name, rows, records(output.get(name, b""), name))
        if kills == 0:
            first = output
    same("after %d kills (FLOW_SEED=%d)" % (kills, case.seed), first, output)
