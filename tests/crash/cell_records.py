"""cell_records: the records of cells.py: what they look like, and what was found of them.

A record is known by (row, life, n): which kind of source brought it, in which life of the daemon its numbers
began (0 where they go on over lives), and its number. Its bytes follow from that, so that one that is
changed, torn or joined to another is none.
"""
import re
import threading

FILL = "x" * 300  # the least queue of a pipeline then holds no more than two hundred
_RECORD = re.compile(rb'\{"id":"([a-z-]+)/(\d+)/(\d+)","again":"\1/\2/\3","fill":"x{300}"\}\n')


def record_text(row, life, n):
    """life and n may be what somebody else fills in."""
    return f'{{"id":"{row}/{life}/{n}","again":"{row}/{life}/{n}","fill":"{FILL}"}}\n'


def record(row, life, n):
    return record_text(row, life, n).encode()


def records_in(data):
    """All as (row, life, n), in order, and the bytes that are none."""
    found = [(m.group(1).decode(), int(m.group(2)), int(m.group(3))) for m in _RECORD.finditer(data)]
    return found, _RECORD.sub(b"", data)


class Seen:
    """How far each row's records have come out, for producers that are not to run ahead."""

    def __init__(self):
        self.total = 0  # with those that came again
        self._next = {}
        self._lock = threading.Lock()

    def add(self, records):
        with self._lock:
            self.total += len(records)
            for row, life, n in records:
                self._next[row, life] = max(self._next.get((row, life), 0), n + 1)

    def next(self, row, life):
        """The number behind the highest that came out."""
        with self._lock:
            return self._next.get((row, life), 0)
