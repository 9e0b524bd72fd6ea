import json


def outputs(inputs, folder):
    records = [json.loads(line) for line in open(inputs + "/numbers.ndjson")]
    more = []
    for record in records:  # a record that comes by several ways comes once by each
        ways = 1 + (record["n"] % 2 == 0) + (record["n"] % 10 == 0)
        more += [record] * ways
    return {"all.ndjson": records, "more.ndjson": more}
