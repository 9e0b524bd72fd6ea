"""cell_columns: the sinks of cells.py. Each pipeline has all of them; a column knows its options and where its
records are. A new sink is a class here and its place in COLUMNS."""
import os
import re
import sys
import time

from cell_records import records_in
from promises import Verdict, judge

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "flow"))
import receiver as receivers

DELAY_S_MAX = 0.02  # of an answer: the pipelines' pace
TROUBLE = 0.02      # share of the requests to which something happens


class _Peer(receivers.Handler):
    """Takes requests by path, sometimes before and sometimes behind a wait: a daemon that dies meanwhile does not know
    whether it was taken."""

    def serve(self, receiver):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        key = self.headers["Idempotency-Key"]
        with receiver.lock:
            delay, early = receiver.random.uniform(0, DELAY_S_MAX), receiver.random.random() < 0.5
            dies = receiver.random.random() < TROUBLE
        if early:
            receiver.take(self.path, key, body)
        time.sleep(delay)
        if dies:
            self.close_connection = True
            return
        if not early:
            receiver.take(self.path, key, body)
        self.answer(200, b"thank you")


class Peer(receivers.Receiver):
    """The http sinks' other side. By path: what a receiver has that leaves out keys it had, and one that does not."""

    def __init__(self, seed, seen):
        self.seen = seen
        self.by_key, self.by_path = {}, {}
        super().__init__(seed, handler=_Peer)

    def take(self, path, key, body):
        with self.lock:
            known = self.by_key.setdefault(path, {})
            if known.setdefault(key, body) != body:
                self.faults.append(f"{key} came with other bytes")
            self.by_path.setdefault(path, []).append(body)
        self.seen.add(records_in(body)[0])


class Column:
    """name: the sink's in the pipelines. honours: its receiver leaves out keys that it had."""
    honours = True

    def __init__(self, out, peer):
        self.out, self.peer = out, peer

    def yaml(self, row):
        """The sink's options but its input."""
        raise NotImplementedError

    def data(self, row):
        """All that came out."""
        raise NotImplementedError

    def judge(self, promise, row, said):
        del said
        found, strange = records_in(self.data(row))
        own = [(life, n) for name, life, n in found if name == row.name]
        if len(own) < len(found):
            strange += b"a record of another pipeline"
        return judge(promise, row, self, own, strange)


class File(Column):
    name = "file"

    def _path(self, row):
        return os.path.join(self.out, f"{row.name}.ndjson")

    def yaml(self, row):
        return f'type: file, path: "{self._path(row)}"'

    def data(self, row):
        with open(self._path(row), "rb") as file:
            return file.read()


class Keyed(Column):
    name = "http-keys"

    def yaml(self, row):
        return (f'type: http, url: "{self.peer.url}/{self.name}/{row.name}", batch: {{records: 4}}, '
                "retry: {initial: 1ms, max: 20ms}")

    def _path(self, row):
        return f"/in/{self.name}/{row.name}"

    def data(self, row):
        return b"".join(self.peer.by_key.get(self._path(row), {}).values())

    def judge(self, promise, row, said):
        verdict = super().judge(promise, row, said)
        own = [fault for fault in self.peer.faults if fault.startswith(f"{row.name}/{self.name}/")]
        verdict.wrong += own[:3]
        return verdict


class Unkeyed(Keyed):
    name = "http"
    honours = False

    def data(self, row):
        return b"".join(self.peer.by_path.get(self._path(row), []))


class Stdout(Column):
    """All pipelines print on one output, a file for each life."""
    name = "stdout"

    def __init__(self, out, peer):
        super().__init__(out, peer)
        self.lives = 0
        self._rows = None

    def open(self):
        self.lives += 1
        return open(os.path.join(self.out, f"stdout-{self.lives}"), "ab")

    def yaml(self, row):
        return "type: stdout"

    def judge(self, promise, row, said):
        """The write that a kill hit may have been cut: then a line has no end, and nothing is behind it."""
        if self._rows is None:
            self._rows, self.strange = {}, b""
            for life in range(1, self.lives + 1):
                with open(os.path.join(self.out, f"stdout-{life}"), "rb") as file:
                    found, rest = records_in(file.read())
                if b"\n" in rest or (rest and life == self.lives):
                    self.strange += rest
                for name, began, n in found:
                    self._rows.setdefault(name, []).append((began, n))
        return judge(promise, row, self, self._rows.get(row.name, []), self.strange)


class Blackhole(Column):
    """Nothing is kept; there is the figure that the program says at its end, which counts over all lives."""
    name = "blackhole"

    def yaml(self, row):
        return "type: blackhole"

    def judge(self, promise, row, said):
        given = re.search(rf"info: {row.name}: sink {self.name}: (\d+) in", "\n".join(said))
        verdict = Verdict(int(given.group(1)) if given else 0)
        may_miss, may_double = promise.for_receiver(self.honours)
        least = 0 if may_miss else len(getattr(row, promise.whose)())
        filed = len(records_in(File(self.out, self.peer).data(row))[0])
        verdict.missing = max(0, least - verdict.records)
        if verdict.missing or not (may_miss or may_double or verdict.records == filed):
            verdict.wrong.append(f"it was given {verdict.records} records, the file {filed}; at least {least} are due")
        return verdict


COLUMNS = (File, Keyed, Unkeyed, Stdout, Blackhole)
