def outputs(inputs, folder):
    return {"errors.ndjson": error_records(inputs + "/people.ndjson", "card", [
        (3, "expr.type", "upper cannot take a value of type integer: upper(text) -> text")])}
