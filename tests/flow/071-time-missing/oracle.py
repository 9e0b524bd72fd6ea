def outputs(inputs, folder):
    missing = lambda n: (n, "time.missing", "the record has no event time")
    invalid = lambda n, text: (n, "time.invalid", '"%s" is not an event time' % text)
    return {"errors.ndjson": error_records(inputs + "/events.ndjson", "in", [
        missing(1), missing(2), invalid(3, "yesterday"), invalid(4, "true"), invalid(5, '{"s":1}'),
        invalid(6, "1e+300"), invalid(7, "2024-02-30T00:00:00Z"), invalid(8, "9223372036854775807"),
        (9, "time.future", "the event time is further ahead of the clock than max_future allows"), missing(10)])}
