def outputs(inputs, folder):
    bad = error_records(inputs + "/lines", "in", [(3, "text.utf8", "the line is not UTF-8")])
    return {"bad.ndjson": bad, "shout.ndjson": [{"text": "ERROR: TWO", "size": 10}, {"text": "ERROR Ä\t\"QUOTED\"", "size": 16}]}
