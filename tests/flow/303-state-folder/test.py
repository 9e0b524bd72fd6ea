def refused(case, what, status, pattern, **settings):
    before = case.output()
    result = case.run(**settings)
    check(result.status == status, "%s: the exit status is %d, not %d:\n%s" % (what, result.status, status, result.stderr))
    check(result.says("error: .*" + pattern), "%s: no line matches %s:\n%s" % (what, pattern, result.stderr))
    same(what, before, case.output())


def test(case):
    state = re.escape(case.path("state"))
    running = case.start("run", case.pipeline, COUNT=0, RATE=50, WORKERS=1)
    while not case.output().get("lines.ndjson"):
        check(running.poll() is None, "the first daemon has ended")
    second = case.run(COUNT=0, RATE=50)
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=60)[1].decode()
    check(running.returncode == 0, "the first daemon: status %d\n%s" % (running.returncode, said))
    check(second.status == 75 and second.says("error: .*another tidemark is running on the state folder " + state),
          "two daemons: status %d\n%s" % (second.status, second.stderr))
    lines = case.output()["lines.ndjson"].splitlines()
    check(lines == [b'{"n":%d}' % n for n in range(len(lines))], "the second daemon has touched the first one's output")

    refused(case, "another pipeline", 78, 'state folder %s belongs to pipeline "one", not "two"' % state, NAME="two")
    refused(case, "other shards", 78, "state folder %s was made with shards: 8, .* says 16" % state, SHARDS=16)
    meta = read(case.path("state", "meta"))
    write(case.path("state", "meta"), re.sub(rb"format \d+", b"format 99", meta))
    refused(case, "a newer format", 78, "state folder %s has format 99; this tidemark .* knows format" % state)
    write(case.path("state", "meta"), b"something else\n")
    refused(case, "no description", 74, "%s/meta is not the description" % state)
    write(case.path("state", "meta"), meta)
    result = case.run(COUNT=len(lines) + 5)
    check(result.status == 0, "put right again: status %d\n%s" % (result.status, result.stderr))
    lines = case.output()["lines.ndjson"].splitlines()
    check(lines == [b'{"n":%d}' % n for n in range(len(lines))], "put right again: records are missing")
