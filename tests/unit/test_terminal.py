#!/usr/bin/env python3
"""On a terminal, a run over bounded input shows records, rate, watermark and share done on stderr; else it
does not. The run is long enough to be seen: it is told to end once the line has come."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

PIPELINE = """
pipeline: terminal
state: {{dir: "{dir}/state"}}
sources:
  in: {{type: generate, preset: billing, count: 100000000, rate: 50000, event_time: ts}}
sinks:
  out: {{type: blackhole, input: in}}
"""
LINE = re.compile(rb"\r\x1b\[K\d+ records, \d+/s, watermark \d{4}-\d\d-\d\dT[\d:]+Z, \d+ %")


def run(program, folder, stderr):
    path = os.path.join(folder, "terminal.yaml")
    with open(path, "w") as pipeline:
        pipeline.write(PIPELINE.format(dir=folder))
    return subprocess.Popen([program, "run", path], stderr=stderr, stdin=subprocess.DEVNULL)


def read_until(source, wanted, limit_s):
    seen, end = b"", time.monotonic() + limit_s
    while time.monotonic() < end and not wanted(seen):
        if select.select([source], [], [], 0.1)[0]:
            try:
                more = os.read(source, 65536)
            except OSError:  # the other end of a terminal is closed
                more = b""
            if not more:
                break
            seen += more
    return seen


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = pty.openpty()
        process = run(program, folder, theirs)
        os.close(theirs)
        seen = read_until(ours, lambda text: LINE.search(text), 30)
        assert LINE.search(seen), f"no progress on a terminal: {seen!r}"
        process.send_signal(signal.SIGTERM)
        read_until(ours, lambda text: False, 30)
        assert process.wait(30) == 0, "SIGTERM: not everything was delivered"
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = os.pipe()
        process = run(program, folder, theirs)
        os.close(theirs)
        read_until(ours, lambda text: False, 1.0)
        process.send_signal(signal.SIGTERM)
        seen = read_until(ours, lambda text: False, 30)
        assert process.wait(30) == 0
        assert b"\r" not in seen and b"records," not in seen, f"progress without a terminal: {seen!r}"


main()
