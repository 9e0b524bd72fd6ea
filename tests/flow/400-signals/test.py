"""SIGTERM and SIGINT deliver what was taken and end with 0; a second signal ends at once with another status, and the
next start goes on. Sources without end: generate with a rate, and a pipe that stays open."""
import time


def lines_of(case, name):
    return case.output().get(name, b"").splitlines()


def wait_for(case, process, condition, what):
    until = time.monotonic() + 60
    while not condition():
        check(process.poll() is None, "it ended with %s before %s" % (process.returncode, what))
        check(time.monotonic() < until, "not within a minute: %s" % what)


def start(case, sent):
    process = case.start("run", case.pipeline, stdin=subprocess.PIPE, WORKERS=2, CHECKPOINT="30ms")
    said = b""
    while True:
        line = process.stderr.readline()
        said += line
        found = re.search(rb"reading the standard input from byte (\d+) on", line)
        if found:
            break
        check(line, "it does not say where the standard input goes on:\n%s" % said.decode())
    process.stdin.write(sent[int(found.group(1)):])
    process.stdin.flush()
    return process


def ended(process):
    """Its diagnostics. The pipe stays open until then: its end would be the end of the input for good."""
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed("it did not end within a minute of the signal")
    err = process.stderr.read()
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    return err


def test(case):
    sent, odd = b"", 0
    for number, name in enumerate(("SIGTERM", "SIGINT", "SIGTERM")):
        sent += b"".join(b'{"life":%d,"i":%d}\n' % (number, i) for i in range(200))
        process = start(case, sent)
        wait_for(case, process, lambda: b"\n".join(lines_of(case, "lines.ndjson")) + b"\n" == sent and
                 len(lines_of(case, "odd.ndjson")) > odd + 100, "the output is there")
        process.send_signal(getattr(signal, name))
        err = ended(process)
        check(process.returncode == 0, "%s: the exit status is %d\n%s" % (name, process.returncode, err.decode()))
        check(b"stopping" in err, "%s: it does not say that it stops:\n%s" % (name, err.decode()))
        got = lines_of(case, "odd.ndjson")
        odd = len(got)
        check(got == [b'{"n":%d}' % (2 * i + 1) for i in range(odd)], "%s: a record is missing or there twice" % name)
        waldump = case.command("wal", "dump", case.path("state"))
        check(b"drained" in waldump.stdout.splitlines()[-1], "%s: the log does not end with a drain:\n%s"
              % (name, excerpt(waldump.stdout[-500:])))

    # Two signals: at once, with another status; what was not delivered comes with the next start.
    at_once = 0
    for attempt in range(5):
        process = start(case, sent)
        wait_for(case, process, lambda: len(lines_of(case, "odd.ndjson")) > odd, "more output is there")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        err = ended(process)
        check(process.returncode in (0, 75), "two signals: the exit status is %d\n%s" % (process.returncode, err.decode()))
        at_once += process.returncode == 75
        check(process.returncode == 0 or b"stopped at once" in err, "two signals:\n%s" % err.decode())
        odd = len(lines_of(case, "odd.ndjson"))
    check(at_once > 0, "a second signal never stopped at once")
    process = start(case, sent)
    wait_for(case, process, lambda: len(lines_of(case, "odd.ndjson")) > odd + 10, "the next start goes on")
    process.send_signal(signal.SIGTERM)
    ended(process)
    check(process.returncode == 0, "after two signals: status %d" % process.returncode)
    got = lines_of(case, "odd.ndjson")
    check(got == [b'{"n":%d}' % (2 * i + 1) for i in range(len(got))], "after two signals a record is missing or there twice")
    check(b"\n".join(lines_of(case, "lines.ndjson")) + b"\n" == sent, "after two signals the standard input's records differ")
