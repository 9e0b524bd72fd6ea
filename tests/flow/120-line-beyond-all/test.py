"""A line of more than 64 MiB, from a file and from the standard input: cut, and said so; one of 64 MiB is whole."""
KEPT = 64 << 20


def long_line(size):
    return b'{"fill":"' + b"x" * (size - 11) + b'"}'


def test(case):
    whole, cut = long_line(KEPT - 1), long_line(KEPT + 1000)  # the line's end counts
    data = b'{"n":1}\n' + whole + b'\n{"n":2}\n' + cut + b'\n{"n":3}\n'
    wanted = [{"size": len(whole), "text": "the line has %d bytes, max_line allows 1048576" % len(whole), "code": "line.too_long"},
              {"size": KEPT, "text": "the line takes %d bytes of the input, max_line allows 1048576; only its first %d bytes "
               "are kept here" % (len(cut) + 1, KEPT), "code": "line.too_long"}]
    write(case.path("in", "lines.ndjson"), data)
    text = read(case.pipeline).decode()
    for name, source, stdin in (("a file", 'type: file, path: "${DIR}/in/lines.ndjson"', b""), ("standard input", "type: stdin", data)):
        case.fresh()
        write(case.path("pipeline.yaml"), text.replace('type: "${SOURCE}"', source))
        result = case.run(case.path("pipeline.yaml"), stdin=stdin)
        check(result.status == 0, "%s: the exit status is %d:\n%s" % (name, result.status, result.stderr))
        output = case.output()
        check(output.get("good.ndjson") == b'{"n":1}\n{"n":2}\n{"n":3}\n', "%s: the lines around it: %s" % (name, excerpt(output.get("good.ndjson", b""))))
        compare("errors.ndjson", wanted, records(output["errors.ndjson"], "errors.ndjson"))
