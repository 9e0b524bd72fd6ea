import json


def outputs(inputs, folder):
    even, third, rest = [], [], []
    for line in open(inputs + "/numbers.ndjson"):
        record = json.loads(line)
        n = record["n"]
        if isinstance(n, str):
            continue
        if n is not None and n % 2 == 0:
            even.append(record)
        # with all, a record goes wherever it fits
        if n is not None and n % 3 == 0:
            third.append(record)
        if n is None or (n % 2 and n % 3):
            rest.append(record)
    return {"even.ndjson": even, "third.ndjson": third, "rest.ndjson": rest,
            "errors.ndjson": error_records(inputs + "/numbers.ndjson", "split", [
                (17, "expr.type", "operator % cannot take text and integer")])}
