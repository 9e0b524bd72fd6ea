import os


def test(case):
    write(case.path("in", "lines.ndjson"), '{"ts":1700000000000}\n')
    write(case.path("plain"), "a file")
    result = case.run(STATE=case.path("plain", "state"))
    check(result.status > 0, "below a file: status %d" % result.status)
    check(result.says("error: .*state.dir.*" + re.escape(case.path("plain"))), "below a file:\n%s" % result.stderr)
    place = case.path("frozen")
    os.makedirs(place)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1M", "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        raise Skipped("a read-only tmpfs cannot be mounted: %s" % done.stderr.decode().strip())
    case.mounts.append(place)
    result = case.run(STATE=place + "/state")
    check(result.status == 77, "read-only: the exit status is %d, not 77:\n%s" % (result.status, result.stderr))
    check(result.says("error: .*state.dir.*%s.*[Rr]ead-only" % re.escape(place)), "read-only:\n%s" % result.stderr)
    check(case.output() == {}, "something was written")
