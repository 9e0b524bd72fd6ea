import datetime
import json


def iso(seconds):
    return datetime.datetime.utcfromtimestamp(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def outputs(inputs, folder):
    watermark, windows, late = -1, {}, []
    for line in open(inputs + "/orders.ndjson"):
        record = json.loads(line)
        ts, start = record["ts"], record["ts"] // 10 * 10
        if start + 10 <= watermark:
            late.append(dict(record, _late_by=(watermark - ts) * 1000000))
        else:  # groups of a window come out in the order in which they came to be
            group = windows.setdefault(start, {}).setdefault(record["region"], [])
            group.append(record)
        watermark = max(watermark, ts - 5)
    counts = []
    for start in sorted(windows):
        for region, group in windows[start].items():
            first = min(group, key=lambda record: record["ts"])  # of equal times the first to come
            last = max(reversed(group), key=lambda record: record["ts"])  # and the last
            counts.append({"window_start": iso(start), "window_end": iso(start + 10), "region": region,
                           "n": len(group), "first": first["user"], "last": last["user"]})
    return {"counts.ndjson": counts, "late.ndjson": late}
