"""systemd's protocol against a socket of ours: READY=1 when the pipeline is where it was and not before, a status, the
watchdog by the loop alone, and STOPPING=1 with the time a drain may take."""
import os
import socket
import time

LIMIT_S = 30


class Manager:
    """The service manager's end."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.told = []

    def close(self):
        self.socket.close()
        if self.name.startswith("/"):
            os.unlink(self.name)

    def next(self, limit_s=LIMIT_S):
        self.socket.settimeout(limit_s)
        lines = self.socket.recv(4096).decode().splitlines()
        self.told.append(dict(line.split("=", 1) for line in lines))
        return self.told[-1]

    def until(self, wanted):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            try:
                if wanted in self.next(end - time.monotonic()):
                    return self.told[-1]
            except TimeoutError:
                break
        raise Failed("%s was not told, but %s" % (wanted, self.told))

    def drain(self):
        """Forgets what has been told; what comes now is new."""
        try:
            while True:
                self.next(0.001)
        except (TimeoutError, BlockingIOError):
            self.told = []


started = []


def start(case, manager, **settings):
    started.append(case.start("run", case.pipeline, NOTIFY_SOCKET=manager.name, **settings))
    return started[-1]


def end(process):
    err = process.communicate(timeout=LIMIT_S)[1].decode()
    check(process.returncode == 0, "the exit status is %d:\n%s" % (process.returncode, err))


def stop(process, manager):
    process.send_signal(signal.SIGTERM)
    manager.until("STOPPING")
    extended = int(manager.until("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"])
    check(extended >= 20e6, "it asks for %d us, but a drain may take 20 s" % extended)
    end(process)


def life(case, name):
    """Start, status, kill; start again with a log to be run, stop."""
    manager = Manager(name)
    process = start(case, manager, EPOCH_RECORDS=20, CHECKPOINT="1h")
    manager.until("READY")
    check("opening service" in manager.told[0].get("STATUS", ""), "the first status is %s" % manager.told[0])
    running = manager.until("STATUS")["STATUS"]
    check(re.fullmatch(r"running: 1 pipeline, \d+ records/s(, watermark .* (behind|ahead))?", running), "the status is %s" % running)
    until = time.monotonic() + LIMIT_S
    while case.output().get("all.ndjson", b"").count(b"\n") < 500:
        check(time.monotonic() < until, "no output within %d s" % LIMIT_S)
    process.kill()
    process.communicate()
    manager.drain()
    process = start(case, manager)
    manager.until("READY")
    os.set_blocking(process.stderr.fileno(), False)
    said = process.stderr.read() or b""
    check(b"[recovery-finished]" in said, "it was ready before it had come back:\n%s" % said.decode())
    os.set_blocking(process.stderr.fileno(), True)
    stop(process, manager)
    manager.close()


def watchdog(case):
    """It comes again and again, without records too, from a loop that turns, and not from one that is stuck."""
    manager = Manager(case.path("notify"))
    for watched, settings in ((True, {}), (False, {"WATCHDOG_PID": "1"})):
        manager.drain()
        process = start(case, manager, WATCHDOG_USEC=200000, **settings)
        manager.until("READY")
        if watched:
            for _ in range(5):
                manager.until("WATCHDOG")
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            manager.drain()
            try:
                check(False, "a loop that is stuck says %s" % manager.next(0.5))
            except TimeoutError:
                pass
            process.send_signal(signal.SIGCONT)
            manager.until("WATCHDOG")
        stop(process, manager)
        check(watched or not any("WATCHDOG" in told for told in manager.told), "the watchdog of another process is fed")
    manager.close()


def test(case):
    try:
        lives(case)
    finally:
        for process in started:
            process.kill()


def lives(case):
    for name in (case.path("notify"), "@tidemark-test-%d" % os.getpid()):
        case.fresh()
        life(case, name)
    case.fresh()
    watchdog(case)

    # Over before it was seen: it has been ready all the same, or systemd would call it a failure.
    case.fresh()
    manager = Manager(case.path("notify"))
    end(start(case, manager, COUNT=1))
    manager.until("READY")
    manager.drain()
    # What cannot start is never ready; what nobody listens to is no trouble.
    result = case.command("run", case.path("missing.yaml"), NOTIFY_SOCKET=manager.name)
    check(result.status == 78, "no configuration: status %d" % result.status)
    try:
        check(False, "what cannot start says %s" % manager.next(0.001))
    except TimeoutError:
        manager.close()
    case.fresh()
    for name in (case.path("nobody"), "vsock:2:1", "@" + 200 * "x"):
        result = case.run(NOTIFY_SOCKET=name, COUNT=1)
        check(result.status == 0, "nobody at %s: status %d\n%s" % (name, result.status, result.stderr))
