import json


def outputs(inputs, folder):
    """Berlin is an hour ahead of UTC until 2024-03-31T01:00Z, then two."""
    records = [json.loads(line) for line in open(inputs + "/logs.ndjson")]
    pick = lambda *numbers: [records[n] for n in numbers]
    bad = error_records(inputs + "/logs.ndjson", "out", [(4, "file.path", "a field of the path has a / in it"), (6, "file.path", "a field of the path is empty"), (7, "file.path", "the path would leave its folder")])
    return {"errors.ndjson": bad, "web-1/2024-03-30.ndjson": pick(0, 5), "web-1/2024-03-31.ndjson": pick(1),
            "web-2/2024-03-31.ndjson": pick(2, 8), "web-1/2024-04-01.ndjson": pick(3)}
