#!/usr/bin/env python3
"""What comes in by HTTP and from a file that is written to; README.md says what is measured and how.

    BENCH_DIR=work ROUNDS=3 intake.py TIDEMARK GEN HTTP_LOAD

Cases run by turns in each round, each with a state folder of its own. A figure counts only if the daemon has
read what was sent, no more and no less; a difference ends the benchmark."""
import atexit
import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from statistics import median

sys.dont_write_bytecode = True
from bench import HERE, LINES, fail, file_md5, folder_new, input_made, machine, memory_mib

HTTP_SECONDS, IDLE_SECONDS, DELAY_SECONDS = 2, 5, 3
PIECE_BYTES = 64 * 1024
AHEAD_BYTES = 16 << 20  # how far the writer of a file may be in front of the results
DELAY_RATE = 10000  # lines/s
LIMIT_S = 60
HTTP_CASES = [("w1", 1, 1), ("w1", 1, 64), ("w1", 1, 512), ("w1", 100, 1), ("w1", 100, 64), ("w3", 100, 64)]


class Daemon:
    """One that runs, with a new state folder."""

    def __init__(self, bench, pipeline):
        self.folder = folder_new(os.path.join(bench.folder, "run"), bench.input)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.said = os.path.join(self.folder, "said")
        self.bench, self.pipeline = bench, pipeline

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        env = dict(os.environ, BENCH_DIR=self.folder, PORT=str(self.port))
        with open(self.said, "wb") as said:
            self.started = time.monotonic()
            self.child = subprocess.Popen([self.bench.tidemark, "run", os.path.join(HERE, self.pipeline)], env=env,
                                          stdout=subprocess.PIPE, stderr=said)
        atexit.register(self.child.kill)  # whatever fails meanwhile
        return self

    def check(self, since, what):
        """Called where it is waited for something."""
        if self.child.poll() is not None or time.monotonic() - since > LIMIT_S:
            with open(self.said, encoding="utf-8") as said:
                fail("%s: %s does not come:\n%s" % (self.pipeline, what, said.read()))

    def connect(self):
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except ConnectionRefusedError:
                self.check(self.started, "a connection")
                time.sleep(0.0002)

    def cpu_seconds(self):
        """Until now, of all threads."""
        tasks = "/proc/%d/task" % self.child.pid
        total_ns = 0
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "schedstat"), encoding="ascii") as file:
                total_ns += int(file.read().split()[0])
        return total_ns / 1e9

    def end(self, records):
        """CPU seconds; it must have read so many records."""
        self.peak_mib = memory_mib(self.child.pid, "VmHWM")
        self.child.send_signal(signal.SIGTERM)
        while self.child.stdout.read(1 << 16):
            pass
        _, status, used = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        with open(self.said, encoding="utf-8") as file:
            said = file.read()
        found = re.search(r"source in: (\d+) in, (\d+) out", said)
        counted = tuple(map(int, found.groups())) if found else (0, 0)
        if self.child.returncode != 0 or counted != (records, records):
            fail("%s: %d records were sent, status %d:\n%s" % (self.pipeline, records, self.child.returncode, said))
        return used.ru_utime + used.ru_stime


class Pieces:
    """The input in pieces, with how much of w1's result is due behind each."""

    def __init__(self, path):
        self.pieces, self.due_bytes = [], []
        right, due, rest = hashlib.md5(), 0, b""
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                lines = (rest + piece).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if b'"status":5' in line:
                        right.update(line + b"\n")
                        due += len(line) + 1
                self.pieces.append(piece)
                self.due_bytes.append(due)
        self.right = right.hexdigest()


def size_of(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


class Intake:
    def __init__(self, tidemark, gen, http_load):
        self.tidemark, self.gen, self.http_load = (os.path.abspath(path) for path in (tidemark, gen, http_load))
        self.folder = os.path.abspath(os.environ.get("BENCH_DIR", "bench.work"))
        self.rounds = int(os.environ.get("ROUNDS", "5"))
        self.input = input_made(self.folder, self.gen)

    # ------------------------------------------------------------ http

    def http(self, workload, lines, connections):
        daemon = Daemon(self, "http-%s.yaml" % workload).start()
        daemon.connect().close()
        before = daemon.cpu_seconds()
        ran = subprocess.run([self.http_load, str(daemon.port), str(connections), str(lines), str(HTTP_SECONDS),
                              self.input], stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode != 0:
            fail("http_load ended with %d" % ran.returncode)
        run = {name: float(value) for name, value in (item.split("=") for item in ran.stdout.split())}
        run["daemon_cpu_s"] = daemon.end(int(run["records"])) - before
        run["peak_mib"] = daemon.peak_mib
        return run

    def http_table(self):
        runs = {case: [] for case in HTTP_CASES}
        for _ in range(self.rounds):
            for case in HTTP_CASES:
                runs[case].append(self.http(*case))
        print("| HTTP | lines a request | connections | requests/s | records/s | p50, ms | p99, ms | longest, ms | "
              "CPU s per M records | the same, sender | peak RSS, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|")
        for case, of_case in runs.items():
            rates = median(run["requests"] / run["seconds"] for run in of_case), \
                median(run["records"] / run["seconds"] for run in of_case)
            cpu = median(run["daemon_cpu_s"] / run["records"] * 1e6 for run in of_case), \
                median(run["cpu_s"] / run["records"] * 1e6 for run in of_case)
            print("| %s | %d | %d | %s | %s | %.1f | %.1f | %.1f | %.2f | %.2f | %.0f |" % (
                *case, *("{:,.0f}".format(rate) for rate in rates), median(run["p50_us"] for run in of_case) / 1e3,
                median(run["p99_us"] for run in of_case) / 1e3, max(run["max_us"] for run in of_case) / 1e3, *cpu,
                max(run["peak_mib"] for run in of_case)))
        print(flush=True)

    # ------------------------------------------------------------ a file

    def tail(self, pieces, grows):
        """Seconds from the start, or from the first piece, until all results are in their file; CPU seconds; peak."""
        daemon = Daemon(self, "tail-w1.yaml")
        out, file = daemon.path("out.ndjson"), daemon.path("grows.ndjson")
        if grows:
            with open(file, "wb") as writer:
                daemon.start()
                while not os.path.exists(out):  # it follows the file, and waits
                    daemon.check(daemon.started, "the file of results")
                    time.sleep(0.001)
                began = time.monotonic()
                self.write_pieces(daemon, pieces, writer, out)
        else:
            os.link(self.input, file)
            began = daemon.start().started
        while size_of(out) < pieces.due_bytes[-1]:
            daemon.check(began, "the last result")
            time.sleep(0.001)
        seconds = time.monotonic() - began
        cpu = daemon.end(LINES)
        if file_md5(out) != pieces.right:
            fail("%s: the result is wrong (%s)" % (daemon.pipeline, daemon.folder))
        return seconds, cpu, daemon.peak_mib

    @staticmethod
    def write_pieces(daemon, pieces, writer, out):
        ahead = AHEAD_BYTES // PIECE_BYTES
        for i, piece in enumerate(pieces.pieces):
            if i % 16 == 0 and i >= ahead:
                while size_of(out) < pieces.due_bytes[i - ahead]:
                    daemon.check(daemon.started, "a result")
                    time.sleep(0.0002)
            writer.write(piece)
            writer.flush()

    def tail_table(self):
        pieces = Pieces(self.input)
        runs = {False: [], True: []}
        for _ in range(self.rounds):
            for grows, of_case in runs.items():
                of_case.append(self.tail(pieces, grows))
        print("| followed file, w1 | records/s | CPU s per M records | peak RSS, MiB |\n|---|---|---|---|")
        for grows, of_case in runs.items():
            print("| %s | %s | %.2f | %.0f |" % (
                "grows by 64 KiB, at most 16 MiB ahead" if grows else "all there at the start",
                "{:,.0f}".format(LINES / median(run[0] for run in of_case)),
                median(run[1] for run in of_case) / (LINES / 1e6), max(run[2] for run in of_case)))
        print(flush=True)

    def delay(self):
        """Sorted ms of each line from before it was appended until it was read from the daemon's standard output."""
        daemon = Daemon(self, "tail-delay.yaml")
        file, delays, rest, sent = daemon.path("grows.ndjson"), [], b"", 0
        filler = b"x" * 240  # a line is about as long as those of gen.c
        with open(file, "wb", buffering=0) as writer:
            daemon.start()
            writer.write(b'{"ts":0}\n')  # when it is back, the daemon follows the file
            out = daemon.child.stdout.fileno()
            while not select.select([out], [], [], 0.1)[0]:
                daemon.check(daemon.started, "the first line")
            os.read(out, PIECE_BYTES)
            began = time.monotonic()
            while len(delays) < DELAY_SECONDS * DELAY_RATE:
                due = min(int((time.monotonic() - began) * DELAY_RATE), DELAY_SECONDS * DELAY_RATE)
                if due - sent >= DELAY_RATE // 1000 or (due > sent and due == DELAY_SECONDS * DELAY_RATE):
                    line = b'{"ts":%d,"sent":%d,"filler":"%s"}\n' % (1767225600000, time.monotonic_ns(), filler)
                    writer.write(line * (due - sent))
                    sent = due
                readable, _, _ = select.select([out], [], [], 0.0005)
                if not readable:
                    daemon.check(began, "a line")
                    continue
                lines = (rest + os.read(out, 1 << 20)).split(b"\n")
                now = time.monotonic_ns()
                rest = lines.pop()
                delays += [(now - int(line[line.index(b'"sent":') + 7:].split(b",", 1)[0])) / 1e6 for line in lines]
            daemon.end(sent + 1)
        return sorted(delays)

    def delay_table(self):
        runs = [self.delay() for _ in range(self.rounds)]
        print("Appended to a followed file, %s lines/s, to standard output: p50 %.1f ms, p99 %.1f ms, longest %.1f ms." % (
            "{:,}".format(DELAY_RATE), *(median(run[int(len(run) * share)] for run in runs)
                                         for share in (0.5, 0.99)), max(run[-1] for run in runs)), flush=True)

    # ------------------------------------------------------------ nothing to do

    def idle(self):
        new, again, acknowledged, memory = [], [], [], []
        for _ in range(self.rounds):
            daemon = Daemon(self, "http-w1.yaml").start()
            with daemon.connect():
                new.append((time.monotonic() - daemon.started) * 1e3)
            time.sleep(IDLE_SECONDS)
            memory.append(memory_mib(daemon.child.pid, "VmRSS"))
            daemon.end(0)
            daemon.start()
            with daemon.connect() as connection:
                again.append((time.monotonic() - daemon.started) * 1e3)
                connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\n\r\n"
                                   b'{"ts": 0, "status": 1}')
                answer = connection.recv(4096)
                acknowledged.append((time.monotonic() - daemon.started) * 1e3)
            if not answer.startswith(b"HTTP/1.1 202 "):
                fail("idle: %r" % answer)
            daemon.end(1)
        print("Start until a connection is accepted: %.0f ms with a new state folder, %.0f ms with one that is there, and "
              "%.0f ms until a first record is acknowledged; idle after %d s: %.1f MiB." % (
                  median(new), median(again), median(acknowledged), IDLE_SECONDS, median(memory)), flush=True)

    def main(self):
        machine(self.tidemark, self.rounds)
        self.http_table()
        self.tail_table()
        self.delay_table()
        self.idle()
        print("Load behind: %.1f." % os.getloadavg()[0])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    Intake(*sys.argv[1:]).main()
