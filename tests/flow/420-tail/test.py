"""Followed files: writers of their own write numbered lines, in pieces, while files are renamed, copied and truncated, made
and deleted, and the program is killed with -9. Each line comes out exactly once."""
import collections
import json
import os
import shutil
import threading
import time

LIMIT_S = 60
LAST = "last"  # lines that no writer writes


class Writer(threading.Thread):
    """Writes lines to one file, some of them in two pieces, and rotates it; with keep 0 it is only deleted."""

    def __init__(self, case, name, rotation, keep):
        super().__init__()
        self.case, self.name, self.rotation, self.keep = case, name, rotation, keep
        self.path = case.path("logs", name)
        self.random = __import__("random").Random("%d %s" % (case.seed, name))
        self.n = 0
        self.stop = threading.Event()
        self.failure = None
        self.caught_up = None  # waits until the lines so far are out; false: it is to stop

    def line(self):
        text = "%s %d %s" % (self.name, self.n, "x" * self.random.randrange(120))
        self.n += 1
        return text.encode() + b"\n"

    def write(self, lines):
        with open(self.path, "ab", buffering=0) as file:
            for _ in range(lines):
                data = self.line()
                cut = self.random.randrange(len(data)) if self.random.random() < 0.2 else 0
                if cut:
                    file.write(data[:cut])
                    time.sleep(0.003)
                file.write(data[cut:])

    def rotate(self):
        names = [self.path] + ["%s.%d" % (self.path, i) for i in range(1, self.keep + 1)]
        if os.path.exists(names[-1]):
            if not self.caught_up(self):  # who deletes what was not read loses it
                return
            os.unlink(names[-1])
        for i in range(self.keep - 1, 0, -1):
            if os.path.exists(names[i]):
                os.rename(names[i], names[i + 1])
        if not os.path.exists(names[0]):
            return
        if self.rotation == "rename":
            os.rename(names[0], names[1])
            with open(names[1], "ab") as late:  # the writer has it open still
                late.write(self.line())
        else:
            shutil.copyfile(names[0], names[1])
            os.truncate(names[0], 0)

    def run(self):
        try:
            while not self.stop.is_set():
                self.write(self.random.randrange(1, 40))
                time.sleep(self.random.random() * 0.02)
                if self.random.random() < 0.06:
                    self.rotate()
        except Exception as failure:
            self.failure = failure


def lines_out(case):
    data = case.output().get("lines.ndjson", b"")
    return [json.loads(line)["message"] for line in data[:data.rfind(b"\n") + 1].splitlines()]


def counted(case, writers):
    written = (line for line in lines_out(case) if not line.startswith(LAST))
    counts = collections.Counter(" ".join(line.split(" ")[:2]) for line in written)
    wanted = {"%s %d" % (writer.name, i) for writer in writers for i in range(writer.n)}
    return counts, wanted


def wait_for(process, condition, what):
    until = time.monotonic() + LIMIT_S
    while not condition():
        check(process() is None or process().poll() is None, "it ended before %s" % what)
        check(time.monotonic() < until, "not within %d s: %s" % (LIMIT_S, what))
        time.sleep(0.02)


def what_is_held_is_out(case, process):
    """A file that begins as another one may be its copy and is held for a while: one that is made now comes last."""
    for name, lines in (("last.log", LAST + " 0\n"), ("again.log", LAST + " 0\n" + LAST + " 1\n")):
        write(case.path("logs", name), lines)
        wait_for(process, lambda: lines.splitlines()[-1] in lines_out(case), "%s is out" % name)


def ended(process, how):
    process.send_signal(how)
    out, err = process.communicate(timeout=LIMIT_S)
    check(process.returncode in (0, -signal.SIGKILL), "status %d:\n%s" % (process.returncode, err.decode()))
    for sign in (b"Sanitizer", b"runtime error:", b"[file-lost]"):
        check(sign not in err, "%s in the diagnostics:\n%s" % (sign.decode(), excerpt(err, 8000)))
    return err.decode()


def storm(case, kills, **settings):
    case.fresh()
    os.makedirs(case.path("logs"))
    writers = [Writer(case, "a.log", "rename", 3), Writer(case, "b.log", "copytruncate", 3), Writer(case, "c.log", "delete", 0)]
    running = [case.start("run", case.pipeline, CHECKPOINT="50ms", **settings)]
    said = ""

    def caught_up(writer):
        number = writer.n
        last = "%s %d " % (writer.name, number - 1)
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and not writer.stop.is_set():
            if any(line.startswith(last) for line in reversed(lines_out(case))):
                return True
            time.sleep(0.05)
        return False

    def written_more(lines):
        wanted = sum(writer.n for writer in writers) + lines
        wait_for(lambda: running[0], lambda: sum(writer.n for writer in writers) >= wanted
                 or any(writer.failure for writer in writers), "%d lines more are written" % lines)

    for writer in writers:
        writer.caught_up = caught_up
        writer.start()
    try:
        for _ in range(kills):
            written_more(case.random.randrange(300, 2000))
            said += ended(running[0], signal.SIGKILL)
            running[0] = case.start("run", case.pipeline, CHECKPOINT="50ms", **settings)
        written_more(1000)
    finally:
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join()
    for writer in writers:
        check(writer.failure is None, "the writer of %s: %s" % (writer.name, writer.failure))

    def all_there():
        counts, wanted = counted(case, writers)
        return wanted <= set(counts)

    try:
        wait_for(lambda: running[0], all_there, "all lines are out")
    except Failed as failure:
        counts, wanted = counted(case, writers)
        said += ended(running[0], signal.SIGTERM)
        raise Failed("%s, %s (FLOW_SEED=%d): missing %s\n%s" % (failure, settings, case.seed, sorted(wanted - set(counts))[:20], excerpt(said, 8000)))
    what_is_held_is_out(case, lambda: running[0])
    said += ended(running[0], signal.SIGTERM)
    counts, wanted = counted(case, writers)
    twice = sorted(line for line, n in counts.items() if n != 1)
    check(not twice, "%s (FLOW_SEED=%d): twice: %s\n%s" % (settings, case.seed, twice[:20], excerpt(said, 8000)))
    check(set(counts) == wanted, "lines that nobody wrote: %s" % sorted(set(counts) - wanted)[:10])
    return sum(writer.n for writer in writers)


def test(case):
    print("%d lines" % storm(case, 6))
    print("%d lines, polling, one file open, four workers" % storm(case, 4, WATCH="poll", MAX_OPEN=1, WORKERS=4))
    print("%d lines, epochs of one record" % storm(case, 2, EPOCH_RECORDS=1))
