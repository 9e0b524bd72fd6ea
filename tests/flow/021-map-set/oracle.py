def outputs(inputs, folder):
    ts = "2024-01-01"
    return {"lines.ndjson": [
        {"ts": ts, "alpha": 1, "b": 20, "rest": {"deep": [1, 2.5]}, "total": 3},
        {"ts": ts, "alpha": None, "b": 20, "rest": "ü", "total": None},
        {"ts": ts, "alpha": 3, "b": None, "total": None}]}
