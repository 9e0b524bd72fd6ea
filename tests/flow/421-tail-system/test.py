"""Followed files and the system: logrotate with all that it does to files, no notices to be had from the system, and two
thousand files with 64 descriptors."""
import json
import os
import shutil
import time

LIMIT_S = 60


def lines_out(case):
    data = case.output().get("lines.ndjson", b"")
    return [json.loads(line)["message"] for line in data[:data.rfind(b"\n") + 1].splitlines()]


def wait_for_lines(case, process, wanted):
    until = time.monotonic() + LIMIT_S
    while len(lines_out(case)) < len(wanted) and time.monotonic() < until:
        check(process.poll() is None, "it ended")
        time.sleep(0.02)
    got = lines_out(case)
    check(sorted(got) == sorted(wanted), "%d lines are wanted, %d came; missing: %s; more than once or never written: %s" % (
        len(wanted), len(got), sorted(set(wanted) - set(got))[:5], sorted(line for line in got if got.count(line) > 1 or line not in wanted)[:5]))


def stopped(process):
    process.terminate()
    out, err = process.communicate(timeout=LIMIT_S)
    check(process.returncode == 0, "status %d:\n%s" % (process.returncode, err.decode()))
    return err.decode()


def begin(case):
    case.fresh()
    os.makedirs(case.path("logs"))


def append(case, name, lines):
    with open(case.path("logs", name), "a") as file:
        for line in lines:
            file.write(line + "\n")


def logrotate(case, options):
    begin(case)
    conf, written = case.path("rotate.conf"), []
    write(conf, "%s/*.log {\n rotate 3\n missingok\n notifempty\n %s\n}\n" % (case.path("logs"), options))
    process = case.start("run", case.pipeline, CHECKPOINT="50ms")
    for turn in range(8):
        lines = ["%s %d %d %s" % (name, turn, i, "x" * case.random.randrange(100)) for name in ("a.log", "b.log") for i in range(60)]
        for name in ("a.log", "b.log"):
            append(case, name, [line for line in lines if line.startswith(name)])
        written += lines
        if turn % 2 == 0:  # what is not read yet is in the rotated file
            wait_for_lines(case, process, written)
        if turn % 3 == 2:
            process.kill()
            process.communicate()
        result = subprocess.run(["logrotate", "-f", "-s", case.path("rotate.state"), conf], capture_output=True)
        check(result.returncode == 0, "logrotate: %s" % result.stderr.decode())
        if turn % 3 == 2:
            process = case.start("run", case.pipeline, CHECKPOINT="50ms")
        wait_for_lines(case, process, written)
    check(len(os.listdir(case.path("logs"))) >= 6, "logrotate has done nothing")
    # A file that begins as another one may be its copy and is held for a while: one that is made now comes last.
    append(case, "c.log", ["last 0"])
    wait_for_lines(case, process, written + ["last 0"])
    append(case, "d.log", ["last 0", "last 1"])
    wait_for_lines(case, process, written + ["last 0", "last 0", "last 1"])
    said = stopped(process)
    check("file-lost" not in said, said)


def without_notices(case, setting):
    begin(case)
    command = "echo 0 >/proc/sys/user/%s && exec \"$0\" run \"$1\"" % setting
    process = subprocess.Popen(["unshare", "-Ur", "sh", "-c", command, case.program, case.pipeline], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=case.environment({}), cwd=case.scratch)
    append(case, "a.log", ["1"])
    wait_for_lines(case, process, ["1"])
    append(case, "a.log", ["2"])
    append(case, "b.log", ["3"])
    os.rename(case.path("logs", "a.log"), case.path("logs", "a.log.1"))
    wait_for_lines(case, process, ["1", "2", "3"])
    said = stopped(process)
    check(re.search(r"cannot watch .*looked at every 0.2 s \[file-polled\]", said), "it does not say why it polls:\n%s" % said)


def many(case):
    begin(case)
    wanted = []
    process = case.start("run", case.pipeline, MAX_OPEN=64)
    for turn in range(2):
        for i in range(2000):
            line = "%d of %d" % (turn, i)
            append(case, "%d.log" % i, [line])
            wanted.append(line)
        wait_for_lines(case, process, wanted)
        held = sum(os.readlink(entry.path).startswith(case.path("logs")) for entry in os.scandir("/proc/%d/fd" % process.pid))
        check(32 <= held <= 64, "%d of the files are open" % held)
    stopped(process)


def test(case):
    many(case)
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode == 0:
        without_notices(case, "max_inotify_instances")
        without_notices(case, "max_inotify_watches")
    else:
        print("no namespaces for users here: the limits of notices were not reached")
    if shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
        raise Skipped("no logrotate")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for options in ("nocreate", "create", "copytruncate", "nocreate\n compress\n delaycompress"):
        logrotate(case, options)
