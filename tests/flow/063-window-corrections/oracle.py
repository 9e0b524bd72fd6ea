def outputs(inputs, folder):
    """Watermarks: 01, 03, 12 (closes the first), 12, 12, 20 (closes the second; the first is gone)."""
    row = lambda start, n, total, revision: {
        "window_start": "2023-11-14T22:13:%d0Z" % (2 + start), "window_end": "2023-11-14T22:13:%d0Z" % (3 + start),
        "n": n, "total": total, "_revision": revision, "_final": True}
    # Corrections that fell into one epoch may come out as one: only what holds at the end is fixed.
    return {"counts.ndjson": [row(0, 2, 3, 0), row(0, 3, 11, 1), row(0, 4, 27, 2), row(1, 1, 4, 0),
                              row(1, 2, 132, 1), row(2, 1, 32, 0)],
            "late.ndjson": [{"ts": 1700000006, "v": 64, "_late_by": 14000000}]}
