#!/usr/bin/env python3
"""Runs one case of tests/flow: the whole program over a pipeline, again and again in other ways.

    run.py tests/flow/NNN-name/pipeline.yaml     a case as described below
    run.py tests/flow/NNN-name/test.py           its function test(case), for what takes more steps
    run.py examples/NAME.yaml                    validate, explain and run it; all must succeed

A case's pipeline takes its bounds from the environment (WORKERS, EPOCH_RECORDS, EPOCH_BYTES,
CHECKPOINT), keeps its state in ${DIR}/state and writes below ${DIR}/out. Beside it may lie:

    in/           input files, read as ${CASE}/in/...
    input.py      makes input files in the folder it is given, read as ${DIR}/in/...
    stdin         the standard input (a file in/stdin made by input.py does as well)
    expected/     what stands in out/ at the end; expected/stdout is the standard output
    oracle.sql    the same by SQLite: see oracle_sql()
    oracle.py     the same by a plain computation: outputs(folder of in/, folder of case) -> {file: list of
                  records, or Unordered(list)}
    status        the exit status (0)
    stderr        regular expressions; each must be found in a line of the diagnostics

Every case is run with one worker, with four, in epochs of one record, in epochs of few bytes, a
second time on the same state folder, and after kill -9 at random moments (FLOW_SEED=n repeats
them). After each, out/ must hold the same bytes. Nothing may be in out/ that nobody expects.
"""
import sys

sys.dont_write_bytecode = True

import base64
import calendar
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

LIMIT_S = 120  # of one run of the program
SKIPPED = 77


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Unordered(list):
    """Records whose order is not looked at."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def excerpt(data, limit=3000):
    if isinstance(data, bytes):
        data = data.decode("utf-8", "backslashreplace")
    return data if len(data) <= limit else data[:limit] + "...(cut)"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def tree(folder):
    """Files of a folder and their bytes; what starts with a dot is a sink's own."""
    files = {}
    for where, folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if not name.startswith("."):
                files[os.path.relpath(path, folder)] = read(path)
    return files


def error_records(path, component, bad):
    """What .errors must hold of a file: bad is a list of (number of the line, code, text), lines from 0."""
    lines, offset, places = read(path).split(b"\n"), 0, []
    for line in lines:
        places.append(offset)
        offset += len(line) + 1
    found = []
    for number, code, text in bad:
        try:
            raw, encoding = lines[number].decode(), "text"
        except UnicodeDecodeError:
            raw, encoding = base64.b64encode(lines[number]).decode(), "base64"
        found.append({"_raw": raw, "_encoding": encoding, "_error": {"code": code, "text": text},
                      "_component": component, "_position": "%s: byte %d" % (path, places[number])})
    return found


def module(path):
    spec = importlib.util.spec_from_file_location("case_" + os.path.basename(path)[:-3], path)
    loaded = importlib.util.module_from_spec(spec)
    for name in ("Unordered", "Failed", "Skipped", "check", "read", "write", "excerpt", "tree",
                 "error_records", "compare", "records", "same", "micros",
                 "re", "subprocess", "signal"):
        setattr(loaded, name, globals()[name])
    spec.loader.exec_module(loaded)
    return loaded


class Epoch:
    """What `tidemark wal dump` says of one: its number, its clock in µs, and byte ranges as (source, partition, from, to)."""

    def __init__(self, line):
        self.number = int(re.search(r"epoch (\d+), ", line).group(1))
        self.clock = micros(re.search(r"clock (\S+?);?(\s|$)", line).group(1))
        self.ranges = [tuple(map(int, found)) for found in
                       re.findall(r"source (\d+): partition (\d+) \[(\d+), (\d+)\)", line)]
        self.ended = re.search(r"source \d+ ended", line) is not None

    def bytes_of(self, data):
        """For a pipeline of one source with one partition: what the epoch took of it."""
        return b"".join(data[start:end] for _, _, start, end in self.ranges)


def micros(text):
    """Of a time in UTC as results have it."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000000 + int(fraction.ljust(6, "0"))


class Result:
    def __init__(self, status, stdout, stderr, seconds):
        self.status, self.stdout, self.stderr, self.seconds = status, stdout, stderr, seconds

    def says(self, pattern):
        return any(re.search(pattern, line) for line in self.stderr.splitlines())


class Case:
    """A case and its scratch folder, which is the same path in every run: records name paths."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.program = os.path.abspath(os.environ.get("TIDEMARK", "./tidemark"))
        check(os.access(self.program, os.X_OK), "%s is not there; set TIDEMARK" % self.program)
        self.scratch = tempfile.mkdtemp(prefix="tidemark-flow-")
        self.seed = int(os.environ.get("FLOW_SEED", time.time_ns() % 1000000))
        self.random = random.Random(self.seed)
        self.pipeline = os.path.join(self.folder, "pipeline.yaml")
        self.mounts = []

    def close(self):
        for place in reversed(self.mounts):
            subprocess.run(["umount", "-l", place], check=False)
        if os.environ.get("FLOW_KEEP"):
            print("kept: %s" % self.scratch)
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def file(self, name):
        path = os.path.join(self.folder, name)
        return read(path) if os.path.exists(path) else None

    def fresh(self):
        """As before the first start: inputs are there, nothing else."""
        for name in os.listdir(self.scratch):
            if name != "in":
                shutil.rmtree(self.path(name)) if os.path.isdir(self.path(name)) else os.unlink(self.path(name))
        os.makedirs(self.path("out"))
        if os.path.exists(os.path.join(self.folder, "input.py")) and not os.path.exists(self.path("in")):
            os.makedirs(self.path("in"))
            subprocess.run([sys.executable, "-B", os.path.join(self.folder, "input.py"), self.path("in")], check=True)

    def environment(self, settings):
        environment = dict(os.environ, DIR=self.scratch, CASE=self.folder, EXAMPLES=self.folder, TZ="UTC")
        for name in ("WORKERS", "EPOCH_RECORDS", "EPOCH_BYTES", "CHECKPOINT"):
            environment.pop(name, None)
        environment.update({name: str(value) for name, value in settings.items()})
        return environment

    def start(self, *arguments, stdin=subprocess.DEVNULL, **settings):
        """The program, running; for tests that do something meanwhile."""
        return subprocess.Popen([self.program, *arguments], stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.environment(settings), cwd=self.scratch)

    def command(self, *arguments, stdin=b"", kill_after=None, **settings):
        """Runs the program to its end, or to kill -9."""
        begin = time.monotonic()
        with tempfile.TemporaryFile() as pipe, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pipe.write(stdin)
            pipe.seek(0)
            process = subprocess.Popen([self.program, *arguments], stdin=pipe, stdout=out, stderr=err,
                                       env=self.environment(settings), cwd=self.scratch)
            try:
                process.wait(LIMIT_S if kill_after is None else kill_after)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                if kill_after is None:
                    err.seek(0)
                    raise Failed("did not end within %d s; its diagnostics:\n%s" % (LIMIT_S, excerpt(err.read())))
            out.seek(0)
            err.seek(0)
            result = Result(process.returncode, out.read(), err.read().decode("utf-8", "backslashreplace"),
                            time.monotonic() - begin)
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "Assertion"):
            check(sign not in result.stderr, "%s in the diagnostics:\n%s" % (sign, excerpt(result.stderr, 8000)))
        return result

    def run(self, config=None, **options):
        return self.command("run", config or self.pipeline, **options)

    def run_stdin(self, data, resume, kill_after=None, **options):
        """Gives the standard input as a producer that asks where to go on."""
        if not resume:
            return self.run(stdin=data, kill_after=kill_after, **options)
        process = self.start("run", self.pipeline, stdin=subprocess.PIPE, **options)
        killer = threading.Timer(kill_after or LIMIT_S, process.kill)
        killer.start()
        said = []
        for line in process.stderr:
            said.append(line)
            found = re.search(rb"reading the standard input from byte (\d+) on", line)
            if found:
                try:
                    process.stdin.write(data[int(found.group(1)):])
                except BrokenPipeError:
                    pass
                break
            if b"came to its end in an earlier run" in line:
                break
        out, err = process.communicate(timeout=LIMIT_S)
        killer.cancel()
        return Result(process.returncode, out, (b"".join(said) + err).decode("utf-8", "backslashreplace"), 0)

    def output(self):
        return tree(self.path("out"))

    def epochs(self, state="state"):
        """All that the log holds, in order; it is whole as long as there were no two snapshots."""
        dump = self.command("wal", "dump", self.path(state))
        if dump.status == 66 and "there is no log" in dump.stderr:
            return []  # killed before anything of it was on the disk
        check(dump.status == 0, "wal dump: status %d\n%s" % (dump.status, dump.stderr))
        lines = dump.stdout.decode().splitlines()
        return [Epoch(line) for line in lines if re.match(r"\d+ epoch: ", line)]

    def wait_for(self, process, condition, what):
        """Until it holds; the program must still run."""
        until = time.monotonic() + LIMIT_S
        while not condition():
            check(process.poll() is None, "it ended with %s before %s" % (process.returncode, what))
            check(time.monotonic() < until, "not within %d s: %s" % (LIMIT_S, what))
            time.sleep(0.001)

    def start_stdin(self, config, data, **settings):
        """Running, with its standard input as a producer has it: process, place in data where it goes on, and a
        list that its diagnostics come into."""
        process, said, place = self.start("run", config, stdin=subprocess.PIPE, **settings), [], []

        def listen():
            for line in process.stderr:
                said.append(line.decode("utf-8", "backslashreplace"))
                found = re.search(r"reading the standard input from byte (\d+) on", said[-1])
                if found:
                    place.append(int(found.group(1)))

        threading.Thread(target=listen, daemon=True).start()
        try:
            self.wait_for(process, lambda: place, "it says where the standard input goes on")
        except Failed as failure:
            raise Failed("%s\n%s" % (failure, "".join(said))) from None
        return process, place[0], said

    def stop_and_repair(self, name, broken, repaired, wanted, before, copy, position, says):
        """A record with on_error: stop ends the pipeline with 65 and says its place, at every start, until the file is
        rewritten; then all comes out. out/COPY holds the input: never more than what was before the record."""
        for settings in ({"WORKERS": 1}, {"WORKERS": 4, "EPOCH_RECORDS": 1}, {"EPOCH_BYTES": 100}):
            self.fresh()
            path = self.path("in", name)
            write(path, broken)
            for start in ("first start", "second start"):
                result = self.run(**settings)
                what = "%s, %s" % (settings, start)
                check(result.status == 65, "%s: the exit status is %d, not 65:\n%s" % (what, result.status, result.stderr))
                check(result.says("error: .*" + says) and result.says("%s: byte %d\\b" % (re.escape(path), position)),
                      "%s: the diagnostics do not name %s, byte %d, and %s:\n%s" % (what, path, position, says, result.stderr))
                got = self.output().get(copy, b"")
                check(before.startswith(got), "%s: out/%s holds more than what came before:\n%s" % (what, copy, excerpt(got)))
                check("EPOCH_RECORDS" not in settings or got == before, "%s: out/%s lacks records that came before:\n%s"
                      % (what, copy, excerpt(got)))
            write(path, repaired)
            result = self.run(**settings)
            check(result.status == 0, "%s, repaired: the exit status is %d:\n%s" % (settings, result.status, result.stderr))
            same("%s, repaired" % settings, wanted, self.output())

    def stdin(self):
        made = self.path("in", "stdin")
        return read(made) if os.path.exists(made) else self.file("stdin")


# ------------------------------------------------------------------ what is expected


def records(data, where):
    """NDJSON as a list, every object's fields in order of name."""
    try:
        return [json.loads(line) for line in data.decode().splitlines()]
    except ValueError as error:
        raise Failed("%s is not JSON: %s" % (where, error))


def compare(name, wanted, got):
    """Records with records; order counts unless wanted is Unordered."""
    if isinstance(wanted, Unordered):
        key = lambda record: json.dumps(record, sort_keys=True)
        wanted, got = sorted(wanted, key=key), sorted(got, key=key)
    for i in range(max(len(wanted), len(got))):
        one = wanted[i] if i < len(wanted) else None
        other = got[i] if i < len(got) else None
        check(one == other, "out/%s: %d records are wanted, %d came; the first that differs is number %d\n  wanted %s\n  got    %s"
              % (name, len(wanted), len(got), i, json.dumps(one), json.dumps(other)))


def oracle_sql(case):
    """oracle.sql holds, for each output, `-- FILE` or `-- FILE unordered` and a SELECT whose columns are
    its fields. Each NDJSON input in/NAME.ndjson is a table NAME(line, json) in order of line."""
    database = sqlite3.connect(":memory:")
    for folder in (os.path.join(case.folder, "in"), case.path("in")):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if not name.endswith(".ndjson"):
                continue
            table = name[:-7].replace("-", "_")
            database.execute("create table %s (line integer primary key, json text)" % table)
            lines = read(os.path.join(folder, name)).decode().splitlines()
            database.executemany("insert into %s values (?, ?)" % table, enumerate(lines))
    wanted = {}
    for part in re.split(r"(?m)^-- (?=\S+( unordered)?$)", case.file("oracle.sql").decode())[2::2]:
        head, query = part.split("\n", 1)
        name = head.split()[0]
        rows = database.execute(query)
        names = [column[0] for column in rows.description]
        found = [dict(zip(names, row)) for row in rows]
        wanted[name] = Unordered(found) if head.endswith(" unordered") else found
    return wanted


def expect(case, output, stdout):
    """Output against all that the case says about it."""
    known = set()
    folder = os.path.join(case.folder, "expected")
    for name, wanted in (tree(folder) if os.path.isdir(folder) else {}).items():
        got = stdout if name == "stdout" else output.get(name)
        known.add(name)
        check(got is not None, "out/%s was not written" % name)
        wanted = wanted.replace(b"${DIR}", case.scratch.encode()).replace(b"${CASE}", case.folder.encode())
        check(got == wanted, "out/%s differs\n--- wanted\n%s\n--- got\n%s" % (name, excerpt(wanted), excerpt(got)))
    oracles = []
    if case.file("oracle.sql") is not None:
        oracles.append(oracle_sql(case))
    if case.file("oracle.py") is not None:
        inputs = case.path("in") if os.path.isdir(case.path("in")) else os.path.join(case.folder, "in")
        oracles.append(module(os.path.join(case.folder, "oracle.py")).outputs(inputs, case.folder))
    for oracle in oracles:
        for name, wanted in oracle.items():
            known.add(name)
            compare(name, wanted, records(stdout if name == "stdout" else output.get(name, b""), name))
    unknown = sorted(set(output) - known)
    check(not unknown, "nobody expects out/%s:\n%s" % (", out/".join(unknown), excerpt(output[unknown[0]]) if unknown else ""))
    check("stdout" in known or stdout == b"", "nobody expects a standard output: %s" % excerpt(stdout))
    check(known, "the case expects nothing")


def same(name, first, other):
    for file in sorted(set(first) | set(other)):
        check(first.get(file) == other.get(file), "%s: out/%s differs from the first run's\n--- first\n%s\n--- now\n%s"
              % (name, file, excerpt(first.get(file, b"(none)")), excerpt(other.get(file, b"(none)"))))


# ------------------------------------------------------------------ the ways of running

VARIANTS = (("4 workers", {"WORKERS": 4}), ("epochs of one record", {"EPOCH_RECORDS": 1}),
            ("epochs of few bytes", {"WORKERS": 2, "EPOCH_BYTES": 700, "CHECKPOINT": "20ms"}))
KILLS = 2


def checked(case, what, result):
    status = int(case.file("status") or 0)
    check(result.status == status, "%s: the exit status is %d, not %d; the diagnostics:\n%s"
          % (what, result.status, status, excerpt(result.stderr)))
    for pattern in (case.file("stderr") or b"").decode().splitlines():
        check(what.startswith("again") or result.says(pattern), "%s: no line of the diagnostics matches %s:\n%s"
              % (what, pattern, excerpt(result.stderr)))
    check(status != 0 or "error:" not in result.stderr, "%s: an error though all went well:\n%s" % (what, result.stderr))


def run_case(case):
    """All ways; expectations are looked at in the first, the others must give the same bytes."""
    case.fresh()
    data = case.stdin()
    stdin = data or b""
    first = case.run(stdin=stdin, WORKERS=1)
    checked(case, "1 worker", first)
    output = case.output()
    expect(case, output, first.stdout)

    again = case.run(stdin=stdin, WORKERS=1)
    checked(case, "again on the same state", again)
    same("again on the same state", output, case.output())
    check(again.stdout == b"" or again.status != 0, "what was printed is printed again:\n%s" % excerpt(again.stdout))

    for name, settings in VARIANTS:
        case.fresh()
        result = case.run(stdin=stdin, **settings)
        checked(case, name, result)
        same(name, output, case.output())
        check(result.stdout == first.stdout, "%s: the standard output differs:\n%s\n%s" % (name, excerpt(first.stdout), excerpt(result.stdout)))

    case.fresh()
    printed, said = b"", ""
    for i in range(KILLS):
        delay = case.random.uniform(0, first.seconds)
        killed = case.run_stdin(stdin, data is not None, kill_after=delay, WORKERS=2, EPOCH_RECORDS=7, CHECKPOINT="10ms")
        printed += killed.stdout
        said += "--- run %d, %.3f s\n%s" % (i + 1, delay, killed.stderr)
        if killed.status != -signal.SIGKILL:
            break
    what = "after kill -9 (FLOW_SEED=%d)" % case.seed
    result = case.run_stdin(stdin, data is not None, WORKERS=2)
    check(result.status == int(case.file("status") or 0), "%s: the exit status is %d; the diagnostics:\n%s" % (what, result.status, excerpt(result.stderr)))
    same("%s, with the diagnostics\n%s--- last run\n%s" % (what, said, result.stderr), output, case.output())
    printed += result.stdout  # at least once: nothing is missing
    missing = set(first.stdout.splitlines()) - set(printed.splitlines())
    check(not missing, "%s: not printed: %s" % (what, missing))


def feed_example(case, path, name=None):
    """One without an end: waits for what comes out, and stops it. name: the socket's file that it listens on and is to be
    told something by."""
    process = case.start("run", path)
    until = time.monotonic() + LIMIT_S
    written = lambda: os.path.isdir(case.path("out")) and any(os.scandir(case.path("out")))
    said = False
    while not written():
        check(process.poll() is None and time.monotonic() < until, "%s: nothing came out" % path)
        if name is not None and not said and os.path.exists(case.path(name)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                try:
                    peer.connect(case.path(name))
                    peer.sendall(b'{"level":"info"}\n{"level":"error"}\n')
                    said = True
                except ConnectionRefusedError:
                    pass
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=LIMIT_S)[1]
    check(process.returncode == 0, "%s: status %d\n%s" % (path, process.returncode, err.decode()))


def run_example(case, path):
    """The user's folder is the scratch folder; examples write below ${DIR:-.}."""
    for command in ("validate", "explain"):
        result = case.command(command, path)
        check(result.status == 0 and result.stdout, "%s: status %d\n%s" % (command, result.status, result.stderr))
    text = read(path).decode()
    stdin = b""
    if "type: stdin" in text:
        made = case.command("generate", "--count", "100")
        stdin = made.stdout
    if "mode: unix," in text:
        feed_example(case, path, re.search(r'path: "\$\{DIR:-\.\}/(\S+)"', text).group(1))
        return
    if "mode: tail" in text:
        feed_example(case, path)
        return
    result = case.command("run", path, stdin=stdin)
    check(result.status == 0, "run: status %d\n%s" % (result.status, result.stderr))
    written = {name: data for name, data in tree(case.scratch).items() if not name.startswith("state")}
    check(result.stdout or any(written.values()) or "type: blackhole" in text, "nothing came out:\n%s" % result.stderr)
    again = case.command("run", path, stdin=stdin)
    check(again.status == 0, "again: status %d\n%s" % (again.status, again.stderr))


def main():
    path = os.path.abspath(sys.argv[1])
    case = Case(os.path.dirname(path))
    print("seed %d" % case.seed)
    try:
        if path.endswith(".py"):
            case.fresh()
            module(path).test(case)
        elif os.path.basename(path) == "pipeline.yaml":
            run_case(case)
        else:
            run_example(case, path)
    except Failed as failure:
        print("FAILED: %s" % failure)
        return 1
    except Skipped as reason:
        print("skipped: %s" % reason)
        return SKIPPED
    finally:
        case.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
