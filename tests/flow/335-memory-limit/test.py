"""State that outgrows memory.max: the pipeline ends with 69 and says what to do, at each start as long as nothing is
done; what was delivered is right; with more memory it goes on where it was."""


def test(case):
    wanted = b"".join(b'{"id":%d}\n' % n for n in range(400000))
    sizes = []
    for start in range(2):
        result = case.run(MEMORY="16MiB")
        check(result.status == 69, "start %d: the exit status is %d, not 69:\n%s" % (start, result.status, result.stderr))
        check(result.says(r"error: memory: .*memory\.max \(16 MiB\): raise memory\.max"), "start %d: what to do is not said:\n%s"
              % (start, result.stderr))
        got = case.output().get("out.ndjson", b"")
        check(wanted.startswith(got), "start %d: the output is not the beginning of what is wanted" % start)
        sizes.append(len(got))
    check(0 < sizes[0] <= sizes[1] < len(wanted), "%s bytes of output" % sizes)
    result = case.run(MEMORY="1GiB")
    check(result.status == 0, "raised: the exit status is %d:\n%s" % (result.status, result.stderr))
    check(case.output()["out.ndjson"] == wanted, "raised: records are missing or there twice")
