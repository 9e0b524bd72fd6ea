"""Signals while the log is run again after a kill -9: SIGTERM drains what was taken, a second one or the end of
drain_timeout stops at once, SIGHUP changes the configuration or says why not; each time the status is right, and the
next start delivers the rest, every record once. The signal is sent when the sources are open, which is before the log is
run; the order of what is said shows that it came in time."""
import os
import shutil
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, post, until

RECORDS = 30000
FILL = b"x" * 500
WIDER = """  wide: {type: file, input: looked_at, path: "${DIR}/out/wide.ndjson"}
"""


class Lives:
    def __init__(self, case):
        self.case, self.config = case, case.path("p.yaml")
        self.text, self.port = read(case.pipeline).decode(), free_port()
        self.lines = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, FILL) for n in range(RECORDS))
        write(case.path("in", "lines.ndjson"), self.lines)
        self.killed(self.text)

    def out(self):
        path = self.case.path("out", "out.ndjson")
        return read(path) if os.path.exists(path) else b""

    def start(self):
        daemon = Daemon(self.case, self.config, PORT=self.port)
        daemon.wait_said("http-listening")
        return daemon

    def killed(self, text):
        """A life that ends with kill -9 and much log; what it left is kept for each of the tests."""
        self.text = text
        for name in ("state", "out", "left"):
            shutil.rmtree(self.case.path(name), ignore_errors=True)
        os.makedirs(self.case.path("out"))
        write(self.config, text)
        daemon = self.start()
        until(lambda: len(self.out()) > len(self.lines) * 0.8, "most of the output is there")
        daemon.kill()
        for name in ("state", "out"):
            shutil.copytree(self.case.path(name), self.case.path("left", name))

    def again(self):
        for name in ("state", "out"):
            shutil.rmtree(self.case.path(name))
            shutil.copytree(self.case.path("left", name), self.case.path(name))
        write(self.config, self.text)

    def in_recovery(self, daemon, text):
        """What the signal made it say, it said before it was back."""
        daemon.wait_said(text)
        before = daemon.said().split(text)[0]
        check("recovery-finished" not in before, "it was back too soon for this test:\n%s" % daemon.said())

    def comes_right(self, what):
        """The next start, to the end of the input."""
        daemon = self.start()
        until(lambda: len(self.out()) >= len(self.lines), "%s: all comes out" % what)
        # Where one configuration hands over to the other, a connection may end without an answer: hence the key.
        until(lambda: post(self.port, b'{"more":1}\n', key="1")[0] == 202, "%s: a record is taken" % what)
        check(daemon.stop() == 0, "%s: the next start:\n%s" % (what, daemon.said()))
        check(self.out() == self.lines, "%s: %d bytes are wanted, %d came, or they differ" % (what, len(self.lines), len(self.out())))
        check(self.case.output()["more.ndjson"] == b'{"more":1}\n', "%s: the other source" % what)


def stops(lives):
    whole = lives.text
    for what, signals, status, text in (("SIGTERM", 1, 0, "recovery-finished"), ("two signals", 2, 75, "stopped-at-once"),
                                        ("drain_timeout", 1, 75, "drain-timed-out")):
        if what == "drain_timeout":
            lives.killed(whole.replace("drain_timeout: 60s", "drain_timeout: 1ms"))
        lives.again()
        daemon = lives.start()
        daemon.signal(signal.SIGTERM)
        lives.in_recovery(daemon, "drain-started")
        if signals > 1:
            daemon.signal(signal.SIGTERM)
        check(daemon.end() == status and text in daemon.said(),
              "%s: status %d, not %d:\n%s" % (what, daemon.process.returncode, status, daemon.said()))
        check(lives.lines.startswith(lives.out()), "%s: the output is not the beginning of the input" % what)
        if status == 0:
            dump = lives.case.command("wal", "dump", lives.case.path("state")).stdout
            check(b"drained" in dump.splitlines()[-1], "%s: the log does not end with a drain" % what)
        write(lives.config, whole)  # with drain_timeout that is a change, which the log knows of
        lives.comes_right(what)
    lives.killed(whole)


def reloads(lives):
    # Wrong: refused at once, and it comes back as if nothing had been asked.
    lives.again()
    daemon = lives.start()
    write(lives.config, lives.text.replace("input: looked_at", "input: nothing"))
    daemon.signal(signal.SIGHUP)
    lives.in_recovery(daemon, "reload-refused")
    daemon.wait_said("recovery-finished")
    check(daemon.stop() == 0, "a wrong file:\n%s" % daemon.said())
    write(lives.config, lives.text)
    lives.comes_right("a wrong file")

    # Changed: between two epochs; the new sink gets what comes from there on, the old one all.
    for ends in (signal.SIGTERM, signal.SIGKILL):
        lives.again()
        daemon = lives.start()
        write(lives.config, lives.text + WIDER)
        daemon.signal(signal.SIGHUP)
        daemon.wait_said("reload-done")
        daemon.signal(ends)
        status = daemon.end()
        check(status == (0 if ends == signal.SIGTERM else -9), "a sink more, %s: %d\n%s" % (ends, status, daemon.said()))
        lives.comes_right("a sink more, %s" % ends)
        wide = read(lives.case.path("out", "wide.ndjson"))
        check(lives.lines.endswith(wide), "a sink more: its output is not the end of the input")

    # Asked for in recovery, and killed before it is done: whichever file the next start finds.
    for next_text in (lives.text, lives.text + WIDER):
        lives.again()
        daemon = lives.start()
        write(lives.config, lives.text + WIDER)
        daemon.signal(signal.SIGHUP)
        daemon.kill()
        write(lives.config, next_text)
        lives.comes_right("killed in a reload")


def another_port(lives):
    """Changed between the lives: the old configuration listens where it did, then the new one elsewhere."""
    lives.again()
    before = lives.port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lives.port = taken.getsockname()[1]
        daemon = lives.start()
        check(daemon.end() == 75 and "cannot listen on 127.0.0.1:%d" % lives.port in daemon.said(),
              "a port in use: status %d:\n%s" % (daemon.process.returncode, daemon.said()))
    lives.comes_right("another port")
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", before))


def test(case):
    lives = Lives(case)
    stops(lives)
    reloads(lives)
    another_port(lives)
