"""A running daemon as the tests of bad days have it: its diagnostics are read as they come, requests are sent to it, and
it is told to reload and to stop. Nothing here waits for a time: it waits for a condition, with a limit."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

LIMIT_S = 60
TROUBLE = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "Assertion")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what):
    """The first true value of condition()."""
    end = time.monotonic() + LIMIT_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (LIMIT_S, what))
        time.sleep(0.005)


def post(port, body, key=None, token=None, path="/", timeout=LIMIT_S):
    """Status and answer; (0, "") when the connection gave none."""
    headers = {"Content-Type": "application/x-ndjson"}
    if key is not None:
        headers["Idempotency-Key"] = key
    if token is not None:
        headers["Authorization"] = "Bearer " + token
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


class Daemon:
    def __init__(self, case, *arguments, **settings):
        self.case = case
        self.process = case.start("run", *arguments, **settings)
        self.lines = []
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8", "backslashreplace"))

    def said(self):
        return "".join(self.lines)

    def alive(self):
        return self.process.poll() is None

    def wait_said(self, text, times=1):
        until(lambda: self.said().count(text) >= times or not self.alive(), "it says %s" % text)
        if self.said().count(text) < times:
            self.listener.join(LIMIT_S)
        assert self.said().count(text) >= times, "it ended with %s and did not say %s:\n%s" % (
            self.process.returncode, text, self.said())

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        return self.end()

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.end()

    def end(self):
        """Its status, once it has ended."""
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("it did not end within %d s:\n%s" % (LIMIT_S, self.said()))
        self.listener.join(LIMIT_S)
        self.process.stdout.close()
        self.process.stderr.close()
        assert not any(sign in self.said() for sign in TROUBLE), self.said()
        return self.process.returncode

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(next(line for line in status if line.startswith("VmRSS:")).split()[1])


def objects(data):
    return [json.loads(line) for line in data.splitlines()]
