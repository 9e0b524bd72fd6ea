"""promises: what `tidemark validate` says of a source's records to a sink, and whether it was kept.

The words are the program's own, taken from what it prints. Words that are not known here are an error:
a promise without a test.
"""
import re
import subprocess
from collections import Counter

from lives import Failure

# Which records the promise is about: the name of the row's method that gives them.
_WHOSE = {
    "": "all_sent",
    ": what was acknowledged; a retry needs its Idempotency-Key": "acknowledged",
    ": the producer goes on with the byte that is told at the start": "all_sent",
    ": what the log has; what it had not yet is lost in a crash": "logged",
}
# Whether a record may be missing, and whether it may come twice.
_OFTEN = {"exactly once": (False, False), "at least once": (False, True), "at most once": (True, False)}
_BY_KEY = ", if the receiver honours the Idempotency-Key"


class Promise:
    """text: the program's. by_key: it holds for receivers that honour the key; others get no less."""

    def __init__(self, text):
        self.text = text
        often = next((words for words in _OFTEN if text.startswith(words)), None)
        rest = text[len(often or ""):]
        self.by_key = rest.startswith(_BY_KEY)
        if self.by_key:
            rest = rest[len(_BY_KEY):]
        if often is None or rest not in _WHOSE:
            raise Failure(f'"tidemark validate" promises "{text}", and nothing here tells whether that is kept')
        self.often, self.whose = often, _WHOSE[rest]

    def for_receiver(self, honours):
        """May a record be missing, may it come twice."""
        may_miss, may_double = _OFTEN[self.often]
        return may_miss, may_double or (self.by_key and not honours)


def promises_of(program, config):
    """By (pipeline, sink); each pipeline here has one source."""
    done = subprocess.run([program, "validate", config], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"validate: status {done.returncode}: {done.stdout}{done.stderr}")
    promises, pipeline = {}, None
    for line in done.stdout.splitlines():
        begin = re.fullmatch(r"pipeline (\S+): valid", line)
        pair = re.fullmatch(r"  (\S+) -> (\S+): (.+)", line)
        if begin:
            pipeline = begin.group(1)
        elif pair:
            promises[pipeline, pair.group(2)] = Promise(pair.group(3))
    return promises


class Verdict:
    """Of one cell: figures, and what is wrong (none: kept)."""

    def __init__(self, records=0, missing=0, doubled=0):
        self.records, self.missing, self.doubled = records, missing, doubled
        self.wrong = []


def judge(promise, row, column, found, strange):
    """found: the (life, n) that came out, in order; strange: bytes that are no record."""
    may_miss, may_double = promise.for_receiver(column.honours)
    count = Counter(found)
    verdict = Verdict(len(found))
    if strange:
        verdict.wrong.append(f"{len(strange)} bytes are no record: {strange[:60]!r}")
    never = [one for one in count if not row.was_sent(*one)]
    if never:
        verdict.wrong.append(f"never sent: {never[:5]}")
    if not found:
        verdict.wrong.append("nothing came out")
    doubled = [one for one, n in count.items() if n > 1]
    verdict.doubled = sum(count[one] - 1 for one in doubled)
    if doubled and not may_double:
        verdict.wrong.append(f"more than once: {sorted(doubled)[:5]}")
    if may_miss:
        return verdict
    missing = getattr(row, promise.whose)() - count.keys()
    verdict.missing = len(missing)
    if missing:
        verdict.wrong.append(f"missing: {sorted(missing)[:5]}")
    if not may_double:
        verdict.wrong += row.torn(count)
        if row.ordered and found != sorted(found):
            at = next(i for i in range(1, len(found)) if found[i] < found[i - 1])
            verdict.wrong.append(f"out of order: {found[at]} behind {found[at - 1]}")
    return verdict
