import os


def start_and_kill(case, lines):
    """Leaves a state folder that has taken some of the file, but not all."""
    for attempt in range(40):
        case.fresh()
        write(case.path("in", "lines.ndjson"), lines)
        process = case.start("run", case.pipeline, EPOCH_RECORDS=20, WORKERS=1, CHECKPOINT="1h")
        while process.poll() is None and len(case.output().get("lines.ndjson", b"")) < len(lines) // 10:
            pass
        process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL and len(case.output().get("lines.ndjson", b"")) < len(lines) // 2:
            return
    raise Failed("it could not be killed half-way in %d attempts" % attempt)


def test(case):
    lines = b"".join(b'{"ts":%d,"n":%d,"fill":"%s"}\n' % (1700000000000 + n, n, b"x" * 200) for n in range(4000))
    path = case.path("in", "lines.ndjson")
    named = re.escape(path)
    swapped = lines.replace(b'"n":31,', b'"n":77,')
    for what, change, pattern in (
            ("shrank", lines[:1500], r"%s.* has \d+ bytes, but .*new state folder" % named),
            ("changed", swapped, r"source in: %s has changed at positions \d+ to \d+ since it was read \(epoch \d+: .*empty state folder" % named),
            ("is another one", b"y" * len(lines), r"%s: its first bytes have changed since \d+ bytes" % named),
            ("is gone", None, r"%s: is gone, and only \d+ bytes of it have been taken" % named)):
        start_and_kill(case, lines)
        if change is None:
            os.unlink(path)
        else:
            write(path, change)
        result = case.run()
        check(result.status == 74, "%s: the exit status is %d, not 74:\n%s" % (what, result.status, result.stderr))
        check(result.says("error: .*" + pattern), "%s: no line matches %s:\n%s" % (what, pattern, result.stderr))
        write(path, lines)  # put back: nothing is lost
        result = case.run()
        check(result.status == 0, "%s, put back: status %d:\n%s" % (what, result.status, result.stderr))
        check(case.output()["lines.ndjson"] == lines, "%s, put back: the output is not the input" % what)
