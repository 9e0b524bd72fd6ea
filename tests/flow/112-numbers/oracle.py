def outputs(inputs, folder):
    path = inputs + "/numbers.ndjson"
    beyond = "an integer beyond 64 bits cannot be computed with; cast it to double"
    bad = error_records(path, "in", [(6, "json.number", "a number is too large for a double at byte 25 of the line")])
    bad += error_records(path, "more", [(2, "expr.range", "integer out of range"), (4, "expr.range", beyond),
                                        (5, "expr.range", beyond), (8, "expr.type", "operator + cannot take text and integer")])
    bad.sort(key=lambda record: int(record["_position"].split()[-1]))
    more = [{"n": n, "more": n + 1} for n in (9007199254740993, 9223372036854775806, -9223372036854775808)]
    return {"errors.ndjson": bad, "more.ndjson": more + [{"n": 0.1, "more": 1.1}]}
