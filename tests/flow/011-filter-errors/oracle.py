def outputs(inputs, folder):
    path = inputs + "/readings.ndjson"
    return {
        "steep.ndjson": [{"ts": 1700000000, "rise": 4, "run": 2},
                         {"ts": 1700000004, "rise": 9223372036854775807, "run": 1},
                         {"ts": 1700000007, "rise": 5.0, "run": 2}],
        "errors.ndjson": error_records(path, "steep", [
            (1, "expr.division_by_zero", "division by zero"),
            (2, "expr.type", "operator / cannot take text and integer"),
            (5, "expr.range", "integer out of range")]),
    }
