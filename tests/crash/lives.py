"""lives: one state folder and the processes that live on it, one after the other."""
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter

LIFE_SECONDS_MAX = 300


class Failure(Exception):
    pass


def draw_life(draw):
    """What may differ from life to life without any effect on the output."""
    return {
        "workers": draw.randint(1, 4),
        "epoch_bytes": draw.choice(("3000B", "64KiB", "1MiB", "4MiB")),
        "epoch_records": draw.choice((0, 0, 0, 1009)),
        "interval": draw.randint(50, 200),
        "sync": draw.choice(("interval", "always", "never")),
        "sync_interval": draw.choice((1, 5, 20)),
        "log_payload": draw.choice(("true", "false")),
    }


PLAIN_LIFE = {"workers": 2, "epoch_bytes": "4MiB", "epoch_records": 0, "interval": 10000,
              "sync": "interval", "sync_interval": 5, "log_payload": "false"}


class Feeder(threading.Thread):
    """A producer: writes a file into the daemon's standard input from where the daemon said."""

    def __init__(self, pipe, path, position, draw):
        super().__init__(daemon=True)
        self.pipe, self.path, self.position = pipe, path, position
        self.draw = draw

    def run(self):
        draw = self.draw
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(self.position)
                while data := file.read(draw.choice((777, 20000, 65536))):
                    self.pipe.write(data)
            self.pipe.close()
        except (BrokenPipeError, ValueError, OSError):
            pass


class Life:
    """One process. streams: its stdin and stdout, by default nothing."""

    def __init__(self, program, config, **streams):
        self.said, self.feeder = [], None
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
        self.process = subprocess.Popen([program, "run", config], stderr=subprocess.PIPE, bufsize=0,
                                        **streams)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with os.fdopen(os.dup(self.process.stderr.fileno()), "r", errors="replace") as lines:
            for line in lines:
                self.said.append(line.rstrip("\n"))
                self.hear(line)

    def hear(self, line):
        """On the reader's thread, for each line that it says. A feeder made here is waited for."""

    def alive(self):
        return self.process.poll() is None

    def wait(self):
        try:
            status = self.process.wait(LIFE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"a life did not end within {LIFE_SECONDS_MAX} s") from None
        self.reader.join()
        if self.feeder:
            self.feeder.join()
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass  # what the producer had not yet got rid of
        return status

    def kill(self):
        """True if it was alive and the signal ended it."""
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        return self.wait()


class JobLife(Life):
    """Is fed, if its job wants that."""

    def __init__(self, program, config, job, feed_seed):
        self.job, self.feed_seed = job, feed_seed
        super().__init__(program, config,
                         stdin=subprocess.PIPE if job.stdin else subprocess.DEVNULL)

    def hear(self, line):
        found = re.search(r"reading the standard input from byte (\d+) on", line)
        if found and self.job.stdin:
            self.feeder = Feeder(self.process.stdin, self.job.path, int(found.group(1)),
                                 random.Random(self.feed_seed))
            self.feeder.start()
        elif "came to its end in an earlier run" in line and self.job.stdin:
            self.process.stdin.close()


class Folder:
    """State, outputs and the configuration of the life at hand."""

    def __init__(self, program, job, path):
        self.program, self.job, self.path = program, job, path
        self.state = os.path.join(path, "state")
        self.log = os.path.join(self.state, "log")
        self.snapshots = os.path.join(self.state, "snapshots")
        self.out = os.path.join(path, "out")
        self.lives = 0
        self.history = []
        os.makedirs(self.out)

    def begin(self, life, feed_seed=0):
        """life: its settings."""
        config = os.path.join(self.path, f"{self.job.name}.yaml")
        with open(config, "w") as out:
            out.write(f"""pipeline: {self.job.name}
state: {{dir: "{self.state}"}}
log: {{segment: 1MiB, sync: {life['sync']}, sync_interval: {life['sync_interval']}ms}}
checkpoint: {{interval: {life['interval']}ms}}
epoch: {{bytes: {life['epoch_bytes']}, records: {life['epoch_records']}}}
workers: {life['workers']}
shards: 16
""")
            out.write(self.job.yaml(self.out, life))
        self.lives += 1
        self.history.append(f"--- life {self.lives} with {life}")
        return JobLife(self.program, config, self.job, feed_seed)

    def note(self, life, how):
        """Kept for the report of a failure."""
        self.history.append(f"--- life {self.lives}: {how}")
        self.history.extend(life.said)
        with open(os.path.join(self.path, "lives.log"), "w") as out:
            out.write("\n".join(self.history) + "\n")

    def finish(self, settings, feed_seed=0):
        """A life that is left to end by itself; what it said."""
        life = self.begin(settings, feed_seed)
        status = life.wait()
        self.note(life, f"ended with status {status}")
        if status != 0:
            raise Failure(f"life {self.lives} ended with status {status}: {life.said[-1:]}")
        return life.said

    def written(self):
        total = 0
        for name in self.job.outputs:
            try:
                total += os.stat(os.path.join(self.out, name)).st_size
            except FileNotFoundError:
                pass
        return total

    def verify_log(self):
        """`tidemark wal verify`: all good, or there is no log yet."""
        if not os.path.isdir(self.log):
            return
        if not any(re.fullmatch(r"\d{20}\.wal", name) for name in os.listdir(self.log)):
            return
        done = subprocess.run([self.program, "wal", "verify", self.state], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0 or "all good" not in done.stdout:
            raise Failure(f"wal verify: status {done.returncode}: {done.stdout}{done.stderr}")

    def newest_snapshots(self):
        try:
            epochs = [int(m.group(1)) for name in os.listdir(self.snapshots)
                      if (m := re.fullmatch(r"snapshot-(\d+)", name))]
        except FileNotFoundError:
            return []
        return [os.path.join(self.snapshots, f"snapshot-{n}") for n in sorted(epochs)[::-1]]

    def compare(self):
        """Each output against what it must be, to the byte."""
        for name in self.job.outputs:
            with open(os.path.join(self.out, name), "rb") as file:
                got = file.read()
            if got == self.job.expected[name]:
                continue
            raise Failure(difference(name, got, self.job.expected[name]))


def difference(name, got, expected):
    got, expected = got.splitlines(True), expected.splitlines(True)
    missing, more = Counter(expected), Counter(got)
    missing.subtract(got)
    more.subtract(expected)
    n_missing = sum(n for n in missing.values() if n > 0)
    known = set(expected)
    n_doubled = sum(n for line, n in more.items() if n > 0 and line in known)
    n_changed = sum(n for line, n in more.items() if n > 0 and line not in known)
    text = (f"{name}: {n_missing} missing, {n_doubled} doubled, {n_changed} changed "
            f"({len(got)} lines for {len(expected)})")
    for i in range(max(len(got), len(expected))):
        a = got[i] if i < len(got) else b"(end)"
        b = expected[i] if i < len(expected) else b"(end)"
        if a != b:
            return f"{text}; line {i + 1} is {a!r} and must be {b!r}"
    return text


def wait_until(life, seconds, condition=lambda: False):
    """Until the condition holds, the time is over, or the life has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and life.alive() and not condition():
        time.sleep(0.0005)
