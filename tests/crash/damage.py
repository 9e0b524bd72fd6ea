"""damage: what a disk can do to a state folder between two lives.

Each case lets a life be killed, damages something, and says what the next start must do: go on with
the same output, or refuse by status 74 and name the place. After a refusal the damage is taken
back, and the output must still be the same: refusing has changed nothing.
"""
import os
import re
import shutil
import subprocess

import lives
from lives import Failure

SEGMENT_BYTES = 1 << 20
SEGMENT_HEADER_BYTES, ENTRY_HEADER_BYTES = 4096, 24
SEGMENT_ZEROED_AT = 40  # wal_format.h
STATUS_CORRUPT = 74
TRIES_MAX = 30


class Case:
    def __init__(self, program, job, draw, path):
        self.program, self.job, self.draw = program, job, draw
        self.path = path
        self.folder = None
        self.kinds = []  # of the records that records() gave
        self.changed = []  # (path, offset, the bytes before)

    def crash(self, ready):
        """A folder whose daemon was killed when ready(folder) held."""
        for _ in range(TRIES_MAX):
            shutil.rmtree(self.path, ignore_errors=True)
            self.folder = lives.Folder(self.program, self.job, self.path)
            settings = dict(lives.draw_life(self.draw), sync="interval", interval=50,
                            epoch_bytes="64KiB", epoch_records=0, log_payload="true")
            life = self.folder.begin(settings, self.draw.random())
            lives.wait_until(life, 60, lambda: ready(self.folder))
            lives.wait_until(life, self.draw.uniform(0, 0.05))
            killed = life.kill()
            self.folder.note(life, "killed" if killed else "ended too early, once more")
            # A snapshot may be there before anything is in the log: it is not counted on then.
            if killed and ready(self.folder) and self.records()[0]:
                return self.folder
        raise Failure("no life could be killed at the right time")

    def put(self, path, offset, data):
        with open(path, "r+b") as file:
            file.seek(offset)
            self.changed.append((path, offset, file.read(len(data))))
            file.seek(offset)
            file.write(data)

    def flip(self, path, offset):
        with open(path, "rb") as file:
            file.seek(offset)
            byte = file.read(1)[0]
        self.put(path, offset, bytes([byte ^ (1 << self.draw.randrange(8))]))

    def flip_anywhere(self, path):
        self.flip(path, self.draw.randrange(os.stat(path).st_size))

    def repair(self):
        for path, offset, data in reversed(self.changed):
            with open(path, "r+b") as file:
                file.seek(offset)
                file.write(data)
        self.changed = []

    def finish(self, *wanted):
        """The rest of the input; each text must be in something said."""
        said = self.folder.finish(lives.draw_life(self.draw), self.draw.random())
        for text in wanted:
            if not any(text in line for line in said):
                raise Failure(f'"{text}" was not said, but {said[:3]}')
        self.folder.compare()

    def refused(self, *wanted):
        """The start must be refused, twice the same, and saying this; then the damage is undone."""
        for _ in range(2):
            life = self.folder.begin(lives.draw_life(self.draw), self.draw.random())
            status = life.wait()
            self.folder.note(life, f"status {status}, to be refused")
            said = life.said[-1] if life.said else ""
            if status != STATUS_CORRUPT or not all(text in said for text in wanted):
                raise Failure(f"status {status}, {said}; must be refused, saying {wanted}")
        self.repair()
        self.finish()

    def records(self):
        """Positions of all records in the log, and where it ends; none if there is no log."""
        dump, verify = (subprocess.run([self.program, "wal", what, self.folder.state], check=False,
                                       capture_output=True, text=True).stdout
                        for what in ("dump", "verify"))
        positions = re.search(r"positions \d+ to (\d+)", verify)
        if not positions:
            return [], 0
        end = int(positions.group(1))
        self.kinds = re.findall(r"^\d+ (\w+): ", dump, re.M)
        return [int(m.group(1)) for m in re.finditer(r"^(\d+) \w+: ", dump, re.M)], end

    def place(self, lsn):
        """The segment and the byte of a position."""
        seq, offset = divmod(lsn, SEGMENT_BYTES)
        return os.path.join(self.folder.log, f"{seq:020}.wal"), offset

    def never_used(self, segment):
        with open(segment, "rb") as file:
            file.seek(SEGMENT_ZEROED_AT)
            return file.read(1) == b"\1"


def trimmed(folder):
    """Two snapshots, and the log's beginning is gone."""
    return (len(folder.newest_snapshots()) == 2
            and not os.path.exists(os.path.join(folder.log, f"{1:020}.wal")))


def newest_snapshot(case):
    """The newest snapshot is damaged: the one before is used."""
    folder = case.crash(trimmed)
    case.flip_anywhere(folder.newest_snapshots()[0])
    case.finish("the one before is used")
    if len(folder.newest_snapshots()) > 2:
        raise Failure("a damaged snapshot stays for good")


def both_snapshots(case):
    """Both are damaged: the log alone cannot say it all."""
    folder = case.crash(trimmed)
    for path in folder.newest_snapshots():
        case.flip_anywhere(path)
    case.refused(folder.log, folder.snapshots, "begin anew")


def log_middle(case):
    """A byte of the log is another one, and what is behind it was synced."""
    case.crash(trimmed)
    records, _ = case.records()
    if len(records) < 10:
        raise Failure(f"a trimmed log with {len(records)} records")
    chosen = case.draw.randrange(len(records) * 2 // 3)
    segment, offset = case.place(records[chosen])
    next_segment, end = case.place(records[chosen + 1])
    if next_segment != segment:
        end = offset + ENTRY_HEADER_BYTES
    case.flip(segment, case.draw.randrange(offset, end))
    verify = subprocess.run([case.program, "wal", "verify", case.folder.state], check=False,
                            capture_output=True, text=True)
    place = f"{os.path.basename(segment)}, byte {offset}: "
    if verify.returncode != STATUS_CORRUPT or place not in verify.stderr:
        raise Failure(f"wal verify: status {verify.returncode}, {verify.stderr}; must name {place}")
    case.refused(place)


def torn_group(case):
    """Behind the end stands a part of what was being written."""
    case.crash(lambda folder: folder.newest_snapshots() != [])
    records, end = case.records()
    segment, offset = case.place(end)
    if SEGMENT_BYTES - offset < ENTRY_HEADER_BYTES or not os.path.exists(segment):
        return
    n = min(case.draw.randrange(1, 9000), SEGMENT_BYTES - offset)
    if case.draw.random() < 0.5:
        data = case.draw.randbytes(n)
    else:  # an entry, but not of this place
        from_segment, at = case.place(case.draw.choice(records))
        with open(from_segment, "rb") as file:
            file.seek(at)
            data = file.read(n)
    case.put(segment, offset, data)
    case.finish(*(["they are cut"] if case.never_used(segment) and any(data) else []))


def torn_record(case):
    """The last record was not written to its end. It is an epoch's: what a kill -9 leaves was synced, and a sink
    that was told that its commit is in the log may count on it."""
    for _ in range(TRIES_MAX):
        case.crash(lambda folder: folder.newest_snapshots() != [])
        records, end = case.records()
        if case.kinds[len(records) - 1] == "epoch":
            break
    else:
        return
    segment, offset = case.place(records[-1])
    size = end - records[-1]
    if end // SEGMENT_BYTES != records[-1] // SEGMENT_BYTES:
        size = ENTRY_HEADER_BYTES
    kept = case.draw.randrange(size)
    data = case.draw.choice((bytes, case.draw.randbytes))(size - kept)
    with open(segment, "rb") as file:
        file.seek(offset + kept)
        if file.read(len(data)) == data:
            return
    case.put(segment, offset + kept, data)
    case.finish(*(["they are cut"] if kept >= ENTRY_HEADER_BYTES else []))


def lone_payload(case):
    """Input is in the log, the record of its epoch is not; then another crash."""
    for _ in range(TRIES_MAX):
        case.crash(lambda folder: folder.newest_snapshots() != [])
        records, end = case.records()
        n = len(records) - 1
        while n > 0 and case.kinds[n] != "epoch":
            n -= 1
        segment, offset = case.place(records[n])
        last_segment, last = case.place(end)
        if n > 0 and case.kinds[n - 1] == "payload" and segment == last_segment:
            break
    else:
        raise Failure("no log ended in the right way")
    case.put(segment, offset, bytes(last - offset))
    case.changed = []
    # No snapshot is made; what is out by then, more than what was, came with epochs behind it.
    total = sum(len(text) for text in case.job.expected.values())
    enough = case.folder.written() + total // 10
    life = case.folder.begin(dict(lives.PLAIN_LIFE, log_payload="true", epoch_bytes="1MiB"))
    lives.wait_until(life, 60, lambda: case.folder.written() >= enough)
    killed = life.kill()
    case.folder.note(life, "killed" if killed else "ended")
    case.finish()


CASES = (newest_snapshot, both_snapshots, log_middle, torn_group, torn_record, lone_payload)


def run(program, job, folder, draw, times):
    """Each case so many times."""
    for number in range(times * len(CASES)):
        kind = CASES[number % len(CASES)]
        case = Case(program, job, draw, os.path.join(folder, kind.__name__))
        try:
            kind(case)
        except Failure as failure:
            raise Failure(f"{job.name}, {kind.__name__}: {failure}\nkept: {case.path}") from None
        shutil.rmtree(case.path)
    print(f"{job.name}: damaged snapshots, damaged logs and torn tails: "
          f"{times * len(CASES)} cases", flush=True)
