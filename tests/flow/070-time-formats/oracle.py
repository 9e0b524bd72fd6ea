def outputs(inputs, folder):
    rows = []
    for start, end in (("12:34", "12:35"), ("12:35", "12:36")):
        for kind in ("iso", "s", "ms", "us", "ns", "log"):
            rows.append({"window_start": "2024-02-29T%s:00Z" % start, "window_end": "2024-02-29T%s:00Z" % end,
                         "kind": kind, "n": 2 if kind == "iso" else 1})
    return {"counts.ndjson": Unordered(rows), "errors.ndjson": []}
