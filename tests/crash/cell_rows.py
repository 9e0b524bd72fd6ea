"""cell_rows: the sources of cells.py, each with the producers behind it, which go on over the daemon's lives as
their kind of source says. A new source is a class here and its place in ROWS.

A row says what of its records has to come out (all_sent, acknowledged, logged: what a promise is about), what may
(was_sent), and what of a promise of exactly once a count of each record does not show (torn).
"""
import os
import random
import re
import socket
import sys
import threading
import time

from cell_records import record, record_text
from lives import Failure

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "flow"))
from daemon import post

WINDOW = 200  # records that may be on their way
PAUSE_S = 0.01
BOUNDED_PER_KILL = 80
JOIN_S = 60


class Row:
    """One pipeline. Its records are numbered over all lives unless it says otherwise."""
    ordered = True  # they come out in the order of their numbers
    announced = False  # the daemon says when the source is there

    def __init__(self, folder, seen, seed, kills):
        self.folder, self.seen, self.kills_planned = folder, seen, kills
        self.state = os.path.join(folder, "state")
        self.draw = random.Random(f"{seed} {self.name}")
        self.life = 0           # that runs; 0: none
        self.ended = False      # the source came to its end
        self.kills = 0          # that hit while it had not
        self.sent = 0           # records that may have left a producer
        self.base = 0           # what had been sent when the life began
        self.closing = threading.Event()
        self.problem = None
        self.threads = []

    def open(self):
        """Makes what there is to read and starts the producers; the source's options, as YAML."""
        raise NotImplementedError

    # What the daemon does.

    def begin(self, life):
        self.life, self.base = life, self.sent

    def hear(self, process, line):
        """A line that the daemon says of this pipeline, on a thread of its own; a thread that feeds the process is
        given back."""
        if "[component-total]" in line:
            self.ended = True

    def over(self, killed):
        """The daemon is dead."""
        self.life = 0
        if killed and not self.ended:
            self.kills += 1

    def settled(self):
        """Nothing more is to come, once closing is set: in the last life, before the daemon is stopped."""
        return all(not thread.is_alive() for thread in self.threads)

    # What is true of the records.

    def was_sent(self, life, n):
        return life == 0 and 0 <= n < self.sent

    def all_sent(self):
        return {(0, n) for n in range(self.sent)}

    def acknowledged(self):
        raise Failure(f"validate says that {self.name} acknowledges records; nobody here hears of it")

    def logged(self):
        raise Failure(f"validate says that {self.name} is as the log has it, and it has not been read")

    def torn(self, count):
        """What is wrong, a list. count: of each record that came out."""
        del count
        return []

    # For producers.

    def start(self, work, *arguments):
        def run():
            try:
                work(*arguments)
            except Exception as problem:  # shown by the main thread
                self.problem = self.problem or f"{self.name}: {problem!r}"
        thread = threading.Thread(target=run, daemon=True)
        self.threads = [one for one in self.threads if one.is_alive()] + [thread]
        thread.start()
        return thread

    def room(self):
        return max(self.seen.next(self.name, 0), self.base) + WINDOW - self.sent

    def pieces(self, data):
        """Cut anywhere."""
        at = 0
        while at < len(data):
            n = self.draw.randrange(1, 2000)
            yield data[at:at + n]
            at += n


class ReadFile(Row):
    name = "file"

    def open(self):
        self.sent = BOUNDED_PER_KILL * (self.kills_planned + 1)
        path = os.path.join(self.folder, "in.ndjson")
        with open(path, "wb") as file:
            file.writelines(record(self.name, 0, n) for n in range(self.sent))
        return f'type: file, path: "{path}"'

    def settled(self):
        return self.ended


class Generate(Row):
    name = "generate"

    def open(self):
        self.sent = BOUNDED_PER_KILL * (self.kills_planned + 1)
        template = record_text(self.name, 0, "{{seq}}").rstrip("\n")
        return f"type: generate, count: {self.sent}, rate: 400, template: '{template}'"

    def settled(self):
        return self.ended


class TailFile(Row):
    """A file that grows, in any pieces, and is rotated by renaming, also while no daemon runs."""
    name = "tail"
    ordered = False  # a file is read while what is left of the one before still is

    def open(self):
        self.start(self._write)
        return f'type: file, mode: tail, path: "{self.folder}/app.log*"'

    def _write(self):
        path, rotations = os.path.join(self.folder, "app.log"), 0
        while not self.closing.is_set():
            with open(path, "ab", buffering=0) as file:
                for _ in range(self.draw.randrange(60, 150)):
                    while self.room() <= 0 and not self.closing.is_set():
                        time.sleep(PAUSE_S)
                    self.sent += 1
                    for piece in self.pieces(record(self.name, 0, self.sent - 1)):
                        file.write(piece)
                    time.sleep(0.002)
                    if self.closing.is_set():
                        return
            rotations += 1
            os.rename(path, f"{path}.{rotations}")

    def settled(self):
        return super().settled() and self.seen.next(self.name, 0) == self.sent


class Stdin(Row):
    """The producer goes on with the byte that the daemon tells."""
    name = "stdin"
    announced = True

    def open(self):
        self.starts = [0]  # of each record, by bytes
        return "type: stdin"

    def hear(self, process, line):
        super().hear(process, line)
        found = re.search(r"reading the standard input from byte (\d+) on", line)
        return self.start(self._feed, process, int(found.group(1))) if found else None

    def _feed(self, process, byte):
        n = self.starts.index(byte)  # a record's beginning, and not behind what was sent
        self.base = n
        try:
            while process.poll() is None and (n < self.sent or not self.closing.is_set()):
                if n == self.sent:
                    if self.room() <= 0:
                        time.sleep(PAUSE_S)
                        continue
                    self.sent += 1
                    self.starts.append(self.starts[-1] + len(record(self.name, 0, n)))
                for piece in self.pieces(record(self.name, 0, n)):
                    process.stdin.write(piece)
                n += 1
            process.stdin.close()
        except (OSError, ValueError):
            pass  # the daemon is dead

    def settled(self):
        return self.ended


class Http(Row):
    """Pushed without keys: a request that was not acknowledged is not sent again."""
    name = "http"
    announced = True
    keyed = False

    def open(self):
        self.port = _free_port(self.draw)
        self.requests, self.accepted = [], []  # first number, number behind the last
        self.listens = False
        self.start(self._push)
        return f'type: http, listen: "127.0.0.1:{self.port}"'

    def hear(self, process, line):
        super().hear(process, line)
        self.listens = self.listens or "listening on" in line

    def over(self, killed):
        super().over(killed)
        self.listens = False

    def _push(self):
        while not self.closing.is_set():
            if self.room() <= 0 or not self.listens:
                time.sleep(PAUSE_S)
                continue
            first = self.sent
            self.sent += self.draw.randrange(1, 8)
            body = b"".join(record(self.name, 0, n) for n in range(first, self.sent))
            self.requests.append((first, self.sent))
            if self._once(body) or (self.keyed and self._again(body)):
                self.accepted.append((first, self.sent))

    def _once(self, body):
        key = f"request {len(self.requests)}" if self.keyed else None
        status, text = post(self.port, body, key)
        if status not in (0, 202, 429, 503):
            raise Failure(f"status {status}: {text}")
        return status == 202

    def _again(self, body):
        while True:
            time.sleep(PAUSE_S)
            if self._once(body):
                return True

    def acknowledged(self):
        return {(0, n) for first, end in self.accepted for n in range(first, end)}

    def torn(self, count):
        return [f"a part of the request with {first} to {end - 1}" for first, end in self.requests
                if 0 < sum((0, n) in count for n in range(first, end)) < end - first][:3]


class HttpKeyed(Http):
    """Pushed with an Idempotency-Key: each request is sent until it is acknowledged."""
    name = "http-keys"
    keyed = True


class Forgotten(Row):
    """Its records are numbered anew in each life of the daemon, and nobody is told how many arrived. The log knows:
    its position is bytes."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sent_in = {}    # by life
        self.logged_in = {}  # likewise, where the log could be asked
        self.position, self.unread = 0, []

    def begin(self, life):
        super().begin(life)
        self.sent_in[life] = 0
        self.unread.append(life)

    def log_read(self, position):
        """How far the log has its input, between two lives; None: it does not say."""
        if position is None:
            return
        if len(self.unread) == 1:  # of several lives in one, nobody knows which had how many
            life, n = self.unread[0], 0
            while self.position < position:
                self.position += len(record(self.name, life, n))
                n += 1
            if self.position > position:
                raise Failure(f"{self.name}: byte {position} of the log is no record's end")
            self.logged_in[life] = n
        self.position, self.unread = position, []

    def was_sent(self, life, n):
        return 0 <= n < self.sent_in.get(life, 0)

    def logged(self):
        return {(life, n) for life, count in self.logged_in.items() for n in range(count)}

    def torn(self, count):
        numbers = {life: set() for life in self.sent_in}
        for life, n in count:
            numbers.setdefault(life, set()).add(n)
        wrong = []
        for life, found in numbers.items():
            wanted = set(range(self.logged_in.get(life, len(found))))
            if found != wanted:
                wrong.append(f"life {life}: {len(wanted)} are wanted and {len(found)} came out, one is not like the "
                             f"other at {sorted(found ^ wanted)[:5]}")
        return wrong

    def settled(self):
        last = max(self.sent_in)
        return super().settled() and self.seen.next(self.name, last) == self.sent_in[last]


class Socket(Forgotten):
    """A peer that sends on and on, and connects anew in each life."""
    announced = True
    mode, family, kind = "tcp", socket.AF_INET, socket.SOCK_STREAM

    @property
    def name(self):
        return self.mode

    def path(self):
        return os.path.join(self.folder, "socket")

    def open(self):
        place = 'address: "127.0.0.1:0"' if self.family == socket.AF_INET else f'path: "{self.path()}"'
        return f"type: socket, mode: {self.mode}, {place}"

    def hear(self, process, line):
        super().hear(process, line)
        found = re.search(rf"listening on {self.mode} \S*:(\d+)", line)
        if found or f"listening on {self.mode} " in line:
            self.start(self._send, self.life, ("127.0.0.1", int(found.group(1))) if found else self.path())

    def _send(self, life, address):
        stream = self.kind == socket.SOCK_STREAM
        with socket.socket(self.family, self.kind) as peer:
            try:
                peer.connect(address)
                while self.life == life and not self.closing.is_set():
                    room = self.seen.next(self.name, life) + WINDOW // 2 - self.sent_in[life]
                    if room <= 0:
                        time.sleep(PAUSE_S)
                        continue
                    first = self.sent_in[life]
                    self.sent_in[life] += min(room, self.draw.randrange(1, 20 if stream else 4))
                    data = b"".join(record(self.name, life, n) for n in range(first, self.sent_in[life]))
                    for piece in self.pieces(data) if stream else (data,):
                        peer.sendall(piece)
            except OSError:
                pass  # the daemon is dead

    def over(self, killed):
        super().over(killed)
        for thread in self.threads:
            thread.join(JOIN_S)


class Unix(Socket):
    mode, family = "unix", socket.AF_UNIX


class Udp(Socket):
    mode, kind = "udp", socket.SOCK_DGRAM


class Unixgram(Socket):
    mode, family, kind = "unixgram", socket.AF_UNIX, socket.SOCK_DGRAM


class Exec(Forgotten):
    """A command that prints on and on; the pipe is what holds it."""
    name = "exec"

    def open(self):
        line = record_text(self.name, "$life", "$n").rstrip("\n").replace('"', '\\"')
        script = os.path.join(self.folder, "print.sh")
        with open(script, "w") as file:
            file.write(f'read -r life <"$1"\nn=0\nwhile echo "{line}"; do n=$((n + 1)); done\n')
        return f'type: exec, command: [sh, "{script}", "{self.folder}/life"]'

    def begin(self, life):
        super().begin(life)
        self.sent_in[life] = sys.maxsize
        with open(os.path.join(self.folder, "life"), "w") as file:
            file.write(f"{life}\n")

    def settled(self):
        return self.seen.next(self.name, max(self.sent_in)) > 0


def _free_port(draw):
    """Not one that the system gives to others while the daemon is dead."""
    while True:
        port = draw.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


ROWS = (ReadFile, TailFile, Stdin, HttpKeyed, Http, Socket, Unix, Udp, Unixgram, Exec, Generate)
