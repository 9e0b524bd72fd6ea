"""cells.py PROGRAM FOLDER: kill -9 at random moments, and each source's records come to each sink as often as
`tidemark validate` says.

For each `delivery` one daemon runs one folder of configurations: a pipeline for each source (cell_rows.py) that
copies its records to every sink (cell_columns.py) at once. It is killed while it starts, right behind that,
and anywhere; producers go on meanwhile. At the end it is stopped in good order, and each pair, a cell, is judged
by the words of its promise (promises.py).

KILLS (default 8) is how many kills of each delivery must have hit; SEED repeats the drawn moments, though not the
machine's timing. A folder with a promise that was broken is kept.
"""
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import time

import lives
from cell_columns import COLUMNS, Peer, Stdout
from cell_records import Seen
from cell_rows import ROWS, Forgotten
from lives import Failure
from promises import promises_of

DELIVERIES = ("exactly_once", "at_least_once", "at_most_once")
# What is not in the log when the kill comes is what tells the promises apart; acknowledgements wait for it.
SYNC_MS = (5, 100, 400)
MOMENTS = ("start", "behind", "any", "any")
PROGRESS_MAX = 3000  # records that come out before a kill
LAST_S = 0.3  # of the last life, at least, before its producers are told to end
LIMIT_S = 120


class CellLife(lives.Life):
    """One daemon for all rows."""

    def __init__(self, program, config, rows, stdout):
        self.rows = {row.name: row for row in rows}
        self.ready = set()  # whose source has said that it is there
        super().__init__(program, config, stdin=subprocess.PIPE, stdout=stdout)

    def hear(self, line):
        found = re.match(r"tidemark: \w+: ([a-z-]+): ", line)
        row = self.rows.get(found.group(1)) if found else None
        if row is None:
            return
        if "listening on" in line or "from byte" in line:
            self.ready.add(row.name)
        self.feeder = row.hear(self.process, line) or self.feeder

    def trouble(self):
        return next((row.problem for row in self.rows.values() if row.problem), None)

    def complaints(self):
        return [line for line in self.said if ": info: " not in line][-3:]


class Sheet:
    """The cells of one delivery: a folder, a daemon's lives, the verdicts."""

    def __init__(self, program, folder, delivery, seed, kills):
        self.program, self.folder, self.delivery, self.kills = program, folder, delivery, kills
        self.draw = random.Random(f"{seed} {delivery}")
        self.config, self.out = os.path.join(folder, "config"), os.path.join(folder, "out")
        os.makedirs(self.config)
        os.makedirs(self.out)
        seen = Seen()
        self.peer = Peer(self.draw.random(), seen)
        self.columns = [make(self.out, self.peer) for make in COLUMNS]
        self.stdout = next(column for column in self.columns if isinstance(column, Stdout))
        self.rows = [self._row(make, seen) for make in ROWS]
        self.announced = {row.name for row in self.rows if row.announced}
        self.promises = promises_of(program, self.config)
        self.lives, self.life = 0, None
        self.history, self.wrong = [], []

    def _row(self, make, seen):
        folder = os.path.join(self.folder, make.__name__)
        os.mkdir(folder)
        row = make(folder, seen, self.draw.random(), self.kills)
        source = row.open()
        sinks = "".join(f"  {column.name}: {{input: in, {column.yaml(row)}}}\n" for column in self.columns)
        with open(os.path.join(self.config, f"{row.name}.yaml"), "w") as file:
            file.write(f"""pipeline: {row.name}
delivery: {self.delivery}
state: {{dir: "{row.state}"}}
log: {{sync_interval: {self.draw.choice(SYNC_MS)}ms}}
checkpoint: {{interval: {self.draw.randrange(50, 400)}ms}}
epoch: {{records: 10}}
queue: {{bytes: 64KiB}}
workers: {self.draw.randint(1, 2)}
drain_timeout: 60s
sources:
  in: {{{source}}}
sinks:
{sinks}""")
        return row

    def _begin(self):
        self.lives += 1
        for row in self.rows:
            row.begin(self.lives)
        with self.stdout.open() as stdout:
            self.life = CellLife(self.program, self.config, self.rows, stdout)
        return self.life

    def _over(self, life, how):
        """Whatever it was that ended it; the log is asked before the next life adds to it."""
        self.history += [f"--- life {self.lives}: {how}", *life.said]
        with open(os.path.join(self.folder, "lives.log"), "w") as out:
            out.write("\n".join(self.history) + "\n")
        for row in self.rows:
            row.over(how == "killed")
            if isinstance(row, Forgotten):
                row.log_read(self._log_position(row))

    def _log_position(self, row):
        """Of its partition; None: the log says nothing of it (any more)."""
        dump = subprocess.run([self.program, "wal", "dump", row.state], check=False, capture_output=True,
                              text=True).stdout
        return max(map(int, re.findall(r"source 0: partition \d+ \[\d+, (\d+)\)", dump)), default=None)

    def _kill(self, moment):
        """False: it was dead already."""
        life = self._begin()
        if moment == "start":
            lives.wait_until(life, self.draw.uniform(0, 0.03))
        else:
            lives.wait_until(life, LIMIT_S, lambda: life.ready >= self.announced or life.trouble())
            if moment == "any":
                wanted = self.peer.seen.total + self.draw.randrange(PROGRESS_MAX)
                lives.wait_until(life, LIMIT_S, lambda: self.peer.seen.total >= wanted)
            lives.wait_until(life, self.draw.uniform(0, 0.05))
        killed = life.kill()
        self._over(life, "killed" if killed else f"status {life.process.returncode}")
        if not killed or life.trouble():
            raise Failure(f"life {self.lives}: status {life.process.returncode}, {life.trouble() or ''} "
                          f"{life.complaints()}")

    def _finish(self):
        """The last life: its producers come to an end, then it drains."""
        life = self._begin()
        lives.wait_until(life, LIMIT_S, lambda: life.ready >= self.announced or life.trouble())
        lives.wait_until(life, LAST_S)
        for row in self.rows:
            row.closing.set()
        lives.wait_until(life, LIMIT_S, lambda: all(row.settled() for row in self.rows) or life.trouble())
        late = [row.name for row in self.rows if not row.settled()]
        status = life.stop()
        self._over(life, f"status {status}")
        if life.trouble() or late or status != 0:
            self.wrong.append(f"{self.delivery}: last life, {self.lives}: status {status}, {life.trouble() or ''} "
                              f"not at the end: {', '.join(late) or 'none'}; {life.complaints()}")
        return life.said

    def _cell(self, row, column, said):
        """Its line of the table."""
        promise = self.promises[row.name, column.name]
        verdict = column.judge(promise, row, said)
        cell = f"{self.delivery:13} {row.name + ' -> ' + column.name:22}"
        self.wrong += [f"{cell} {wrong}" for wrong in verdict.wrong]
        condition = " (which it does not)" if promise.by_key and not column.honours else ""
        return (f"{cell} {verdict.records:7} {verdict.missing:7} {verdict.doubled:7} {row.kills:5}  "
                f"{promise.text.split(':')[0]}{condition}: {'BROKEN' if verdict.wrong else 'kept'}")

    def run(self):
        """The table; what is wrong is in self.wrong."""
        moments = [MOMENTS[i % len(MOMENTS)] for i in range(self.kills)]
        self.draw.shuffle(moments)
        try:
            for moment in moments:
                self._kill(moment)
            said = self._finish()
        finally:
            if self.life.alive():
                self.life.kill()
            for row in self.rows:
                row.closing.set()
            self.peer.close()
        return [self._cell(row, column, said) for row in self.rows for column in self.columns]


def play(arguments):
    """One delivery: its table, and what is wrong. In a process of its own: they wait for disks more than they work."""
    sheet = None
    try:
        sheet = Sheet(*arguments)
        return sheet.run(), sheet.wrong
    except Failure as failure:
        return [], (sheet.wrong if sheet else []) + [f"{arguments[2]}: {failure}"]


def main():
    program, top = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    kills = int(os.environ.get("KILLS") or 8)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    deliveries = (os.environ.get("DELIVERY") or " ".join(DELIVERIES)).split()
    print(f"SEED={seed} KILLS={kills}", flush=True)
    shutil.rmtree(top, ignore_errors=True)
    begun = time.monotonic()
    wrong = []
    print(f"{'delivery':13} {'cell':22} records missing doubled kills  promise")
    with multiprocessing.Pool(len(deliveries)) as pool:
        plays = [(program, os.path.join(top, delivery), delivery, seed, kills) for delivery in deliveries]
        for table, more in pool.imap(play, plays):
            print("\n".join(table), flush=True)
            wrong += more
    seconds = time.monotonic() - begun
    if wrong:
        print("\n".join(wrong))
        print(f"FAILED (SEED={seed}), kept: {top}")
        return 1
    cells = len(deliveries) * len(ROWS) * len(COLUMNS)
    print(f"{cells} cells kept their promises over {kills * len(deliveries)} kills, {seconds:.0f} s")
    shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
