"""Commands against the whole program: one that ends by itself, one that is killed and started again, one that ignores
SIGTERM; and after kill -9 of the daemon none is left."""
import json
import os
import time

RUNS = 'echo "{\\"pid\\":$$}"; echo complaint >&2; exec sleep 1000'
running = []


def wait_for(process, condition, what):
    until = time.monotonic() + 60
    while not condition():
        check(process.poll() is None, "it ended with %s before %s" % (process.returncode, what))
        check(time.monotonic() < until, "not within a minute: %s" % what)
        time.sleep(0.01)


def records(case):
    """Of the whole lines that are there; the file may be on its way."""
    try:
        return [json.loads(line) for line in read(case.path("out", "out.ndjson")).split(b"\n")[:-1]]
    except FileNotFoundError:
        return []


def lives(pid):
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return open("/proc/%d/stat" % pid).read().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid):
    until = time.monotonic() + 60
    while lives(pid):
        check(time.monotonic() < until, "process %d is still there" % pid)
        time.sleep(0.01)


def start(case, script, n, **settings):
    process = case.start("run", case.pipeline, SCRIPT=script, **settings)
    running.append(process)
    wait_for(process, lambda: len(records(case)) >= n, "%d records are there" % n)
    return process


def ended(process, status):
    err = process.communicate(timeout=60)[1].decode()
    running.remove(process)
    check(process.returncode == status, "the exit status is %d:\n%s" % (process.returncode, err))
    return err


def bounded(case):
    """restart: never; the half line at a good end is a record, and a later start has nothing more to do."""
    case.fresh()
    script = 'i=0; while [ $i -lt 2000 ]; do echo "{\\"i\\":$i}"; i=$((i+1)); done; pwd >&2; printf \'{"env":"%s"}\' "$GREETING"'
    result = case.run(SCRIPT=script, RESTART="never", EPOCH_BYTES=3000, CHECKPOINT="20ms")
    check(result.status == 0, "the exit status is %d:\n%s" % (result.status, result.stderr))
    check(records(case) == [{"i": i} for i in range(2000)] + [{"env": "a b"}], "lines are missing or changed")
    check(result.says(re.escape(case.scratch) + r".*exec-said"), "its stderr is not said:\n%s" % result.stderr)
    again = case.run(SCRIPT=script, RESTART="never")
    check(again.status == 0 and again.says("exec-over") and len(records(case)) == 2001, "again:\n%s" % again.stderr)


def failing(case):
    case.fresh()
    result = case.run(SCRIPT='echo "{\\"i\\":1}"; printf "{"; exit 3', RESTART="never")
    check(result.status == 66 and result.says("sh has ended with exit status 3"), "%d\n%s" % (result.status, result.stderr))
    check(result.says("exec-half-lost"), result.stderr)
    case.fresh()
    result = case.command("run", case.pipeline, SCRIPT="true", PATH="/nowhere")
    check(result.status == 66 and result.says("cannot run sh"), "no such command: %d\n%s" % (result.status, result.stderr))


def killed(case):
    """It is started again each time, and a stop ends it."""
    case.fresh()
    process = start(case, RUNS, 1)
    for i in range(1, 5):
        os.kill(records(case)[-1]["pid"], signal.SIGKILL)
        wait_for(process, lambda: len(records(case)) > i, "it is started again")
    pids = [record["pid"] for record in records(case)]
    check(len(set(pids)) == 5, "%s" % pids)
    process.send_signal(signal.SIGTERM)
    err = ended(process, 0)
    gone(pids[-1])
    check("was ended by signal 9" in err and "exec-restart" in err, err)


def stubborn(case):
    """One that ignores SIGTERM is killed after stop_timeout."""
    case.fresh()
    process = start(case, "trap '' TERM; echo \"{\\\"pid\\\":$$}\"; while :; do sleep 0.05; done", 1, STOP="100ms")
    process.send_signal(signal.SIGTERM)
    ended(process, 0)
    gone(records(case)[0]["pid"])


def no_orphan(case):
    case.fresh()
    process = start(case, RUNS, 1)
    pid = records(case)[0]["pid"]
    check(lives(pid), "it does not run")
    process.kill()
    ended(process, -signal.SIGKILL)
    gone(pid)
    process = start(case, RUNS, 2)  # the next life starts it anew
    process.send_signal(signal.SIGTERM)
    ended(process, 0)
    gone(records(case)[1]["pid"])


def test(case):
    try:
        bounded(case)
        failing(case)
        killed(case)
        stubborn(case)
        no_orphan(case)
    finally:
        for process in running:
            process.kill()
