#!/usr/bin/env python3
"""The benchmark; README.md says what is measured and how.

    BENCH_DIR=work ROUNDS=5 bench.py TIDEMARK GEN BARE

Programs run by turns in each round, so that a noisy neighbour meets all of them. A program's figures
count only if its result is right: what tidemark and DuckDB write is compared with what a plain program
(Oracle, below) finds in the same input."""
import hashlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
LINES = 2000000
INPUT_MD5 = "2c8ac86c017ad09c95aa01d0a052fd60"
WORKLOADS = ("w1", "w2", "w3", "w4")
LATENESS_MS, WINDOW_MS = 5000, 60000


def fail(text):
    sys.exit("bench: " + text)


def file_md5(path):
    md5 = hashlib.md5()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
    return md5.hexdigest()


# ---------------------------------------------------------------- what is right


def rows_md5(rows):
    """Of rows in any order and any JSON formatting."""
    md5 = hashlib.md5()
    for row in sorted(json.dumps(row, sort_keys=True) for row in rows):
        md5.update(row.encode() + b"\n")
    return md5.hexdigest()


def json_rows(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def utc(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))


class Oracle:
    """The right results, found once and kept beside the input."""

    def __init__(self, path, kept):
        with open(__file__, "rb") as file:
            key = INPUT_MD5 + hashlib.md5(file.read()).hexdigest()
        if os.path.exists(kept):
            with open(kept, encoding="utf-8") as file:
                self.right = json.load(file)
            if self.right["key"] == key:
                return
        self.right = {"key": key}
        self.find(path)
        with open(kept, "w", encoding="utf-8") as file:
            json.dump(self.right, file)

    def find(self, path):
        failed, first, late = hashlib.md5(), hashlib.md5(), hashlib.md5()
        usage, windows, all_windows, seen = [], {}, {}, set()
        n_failed = n_late = 0
        newest = 0
        with open(path, "rb") as file:
            for line in file:
                record = json.loads(line)
                if record["status"] >= 500:
                    failed.update(line)
                    n_failed += 1
                tokens = record["tokens"]["prompt"] + record["tokens"]["completion"]
                if record["status"] >= 400:
                    usage.append({"user": record["user_id"], "plan": record["client"]["plan"],
                                  "path": record["path"].upper(), "total": tokens,
                                  "slow": record["latency_ms"] > 1000})
                if record["request_id"] not in seen:
                    seen.add(record["request_id"])
                    first.update(line)
                start = record["ts"] // WINDOW_MS * WINDOW_MS
                into = [all_windows]
                # Late: the window's end is not behind the watermark that held before the record.
                if start + WINDOW_MS <= newest - LATENESS_MS:
                    late_by_us = (newest - LATENESS_MS - record["ts"]) * 1000
                    late.update(line.rstrip(b"}\n") + b',"_late_by":%d}\n' % late_by_us)
                    n_late += 1
                else:
                    into.append(windows)
                newest = max(newest, record["ts"])
                for table in into:
                    row = table.setdefault((start, record["user_id"]), [0, 0, 0.0])
                    row[0] += 1
                    row[1] += tokens
                    row[2] = max(row[2], record["latency_ms"])
        if (n_failed, len(windows), n_late) != (100567, 159119, 1499):
            fail("the oracle itself is wrong: %d failed, %d windows, %d late" %
                 (n_failed, len(windows), n_late))
        self.right.update(w1=failed.hexdigest(), w2=rows_md5(usage), w4=first.hexdigest(), late=late.hexdigest(),
                          w3=rows_md5(self.window_rows(windows)), w3_all=rows_md5(self.window_rows(all_windows)))

    @staticmethod
    def window_rows(windows):
        return [{"window_start": utc(start), "window_end": utc(start + WINDOW_MS), "user_id": user,
                 "requests": row[0], "tokens": row[1], "slowest": row[2]} for (start, user), row in windows.items()]


class Check:
    """Compares results. Reading rows takes long: the bytes of one that was right are known afterwards."""

    def __init__(self, right):
        self.right = right
        self.known = set()

    def __call__(self, workload, folder, late=True):
        path = os.path.join(folder, "out.ndjson")
        md5 = file_md5(path)
        if workload in ("w1", "w4"):
            return md5 == self.right[workload]
        if workload == "w3" and late and file_md5(os.path.join(folder, "late.ndjson")) != self.right["late"]:
            return False
        expected = self.right["w3_all" if workload == "w3" and not late else workload]
        if (expected, md5) not in self.known and this_program("--rows", path).strip() == expected:
            self.known.add((expected, md5))
        return (expected, md5) in self.known


def this_program(*args):
    """What needs much memory runs in a process of its own: a child's peak begins with what its parent has."""
    return subprocess.run([sys.executable, os.path.abspath(__file__)] + list(args), check=True, text=True,
                          stdout=subprocess.PIPE).stdout


# ---------------------------------------------------------------- running


def stolen_ms():
    """What the host of a virtual machine gave to others while this one wanted to run (proc(5)), of all cores."""
    with open("/proc/stat") as stat:
        fields = stat.readline().split()
    return int(fields[8]) * 1000 / os.sysconf("SC_CLK_TCK")


def gaps_text(seconds=10):
    longest, over, last = 0, 0, time.monotonic_ns()
    end = last + seconds * 10**9
    while last < end:
        now = time.monotonic_ns()
        longest = max(longest, now - last)
        over += now - last > 10**7
        last = now
    return "%.1f ms at most, and %d times for more than 10 ms" % (longest / 1e6, over)


class Run:
    """One run of a program: wall and CPU time, peak memory, what it said."""

    def __init__(self, argv, folder, cores):
        # The kernel counts to a program's peak what it was before exec(2): this one's few MiB are the least shown.
        command = ["taskset", "-c", cores] + argv
        env = dict(os.environ, BENCH_DIR=folder)
        said = os.path.join(folder, "said")
        with open(said, "wb") as out:
            before = time.monotonic()
            child = subprocess.Popen(command, env=env, stdout=out, stderr=out)
            _, status, used = os.wait4(child.pid, 0)
            self.seconds = time.monotonic() - before
        child.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = used.ru_utime + used.ru_stime
        self.rss_mib = used.ru_maxrss / 1024
        with open(said, encoding="utf-8", errors="replace") as file:
            self.said = file.read()
        if child.returncode != 0:
            fail("%s ended with %d:\n%s" % (" ".join(argv), child.returncode, self.said))


def folder_new(folder, source):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.link(source, os.path.join(folder, "in.ndjson"))
    return folder


def input_made(folder, gen):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "in.ndjson")
    if not os.path.exists(path) or file_md5(path) != INPUT_MD5:
        with open(path, "wb") as out:
            subprocess.run([gen, str(LINES)], stdout=out, check=True)
        if file_md5(path) != INPUT_MD5:
            fail("the generator does not give the bytes that others were measured on")
    return path


def memory_mib(pid, which):
    """which: VmRSS, now; VmHWM, the peak."""
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(which + r":\s+(\d+) kB", file.read()).group(1)) / 1024


def machine(tidemark, rounds):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    version = subprocess.run([tidemark, "version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print("%s; %s, %d cores; %s; load before %.1f; %d rounds.\n" %
          (time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), model.group(1) if model else "?",
           len(os.sched_getaffinity(0)), version, os.getloadavg()[0], rounds), flush=True)


# The lines as they came for w1 and w4, as Tidemark puts them out; the other two read only the fields they need.
DUCKDB_QUERIES = {
    "w1": "select json from read_ndjson_objects('{in}') where (json->>'$.status')::int >= 500",
    "w2": """select user_id as user, client.plan as plan, upper(path) as path,
             tokens.prompt + tokens.completion as total, latency_ms > 1000 as slow
             from read_ndjson('{in}', columns={{user_id: 'varchar', path: 'varchar', status: 'int',
             latency_ms: 'double', tokens: 'struct(prompt bigint, completion bigint)', client: 'struct(plan varchar)'}})
             where status >= 400""",
    "w3": """select strftime(make_timestamp(w * 60000000), '%Y-%m-%dT%H:%M:%SZ') as window_start,
             strftime(make_timestamp((w + 1) * 60000000), '%Y-%m-%dT%H:%M:%SZ') as window_end,
             user_id, requests, tokens, slowest from
             (select ts // 60000 as w, user_id, count(*) as requests,
             sum(tokens.prompt + tokens.completion)::bigint as tokens, max(latency_ms) as slowest
             from read_ndjson('{in}', columns={{ts: 'bigint', user_id: 'varchar', latency_ms: 'double',
             tokens: 'struct(prompt bigint, completion bigint)'}}) group by all)""",
    "w4": """select json from (select json, row_number() over () as n from read_ndjson_objects('{in}'))
             qualify row_number() over (partition by json->>'$.request_id' order by n) = 1 order by n""",
}
DUCKDB_MAIN = """
import sys, duckdb
base = duckdb.connect()
base.execute("set threads = " + sys.argv[1])
base.execute(sys.argv[2])
"""


class Duckdb:
    """A batch database, as the measure of what is possible with time to spare for no promise."""

    def __init__(self, folder):
        self.python = os.path.join(folder, "duckdb", "bin", "python3")
        self.version = None
        try:
            if not os.path.exists(self.python):
                venv.create(os.path.join(folder, "duckdb"), with_pip=True)
            if self.ask() is None:
                subprocess.run([self.python, "-m", "pip", "install", "--quiet", "duckdb"], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.version = self.ask()
        except (OSError, subprocess.CalledProcessError):
            pass

    def ask(self):
        asked = subprocess.run([self.python, "-c", "import duckdb; print(duckdb.__version__)"],
                               capture_output=True, text=True, check=False)
        return asked.stdout.strip() if asked.returncode == 0 else None

    def argv(self, workload, folder, threads):
        query = DUCKDB_QUERIES[workload].format(**{"in": os.path.join(folder, "in.ndjson")})
        form = "format json" if workload in ("w2", "w3") else \
            "format csv, header false, quote '', escape '', delimiter '\x01'"
        out = os.path.join(folder, "out.ndjson")
        return [self.python, "-c", DUCKDB_MAIN, str(threads), "copy (%s) to '%s' (%s)" % (query, out, form)]


# ---------------------------------------------------------------- the parts


class Bench:
    def __init__(self, tidemark, gen, bare):
        self.tidemark, self.gen, self.bare = (os.path.abspath(path) for path in (tidemark, gen, bare))
        self.folder = os.path.abspath(os.environ.get("BENCH_DIR", "bench.work"))
        self.rounds = int(os.environ.get("ROUNDS", "5"))
        self.cores = sorted(os.sched_getaffinity(0))
        self.input = input_made(self.folder, self.gen)
        self.mib = os.path.getsize(self.input) / (1 << 20)
        self.check = Check(self.oracle())
        self.duckdb = Duckdb(self.folder)

    def oracle(self):
        kept = os.path.join(self.folder, "oracle.json")
        this_program("--oracle", self.input, kept)
        with open(kept, encoding="utf-8") as file:
            return json.load(file)

    def cores_text(self, all_cores):
        return ",".join(map(str, self.cores)) if all_cores else str(self.cores[0])

    def run(self, program, workload, all_cores):
        folder = folder_new(os.path.join(self.folder, "run"), self.input)
        path = os.path.join(folder, "in.ndjson")
        argv = {"wc -l": lambda: ["wc", "-l", path],
                "bare simdjson": lambda: [self.bare, workload, path],
                "tidemark": lambda: [self.tidemark, "run", "--quiet", os.path.join(HERE, workload + ".yaml")],
                "duckdb": lambda: self.duckdb.argv(workload, folder, len(self.cores) if all_cores else 1)}[program]()
        run = Run(argv, folder, self.cores_text(all_cores))
        if program in ("tidemark", "duckdb"):
            run.right = self.check(workload, folder, program == "tidemark")
            if program == "tidemark" and not run.right:
                fail("%s: tidemark's result is wrong (%s)" % (workload, folder))
        else:
            run.right = str(LINES) in run.said
        return run

    def workload(self, workload, all_cores):
        programs = ["wc -l", "bare simdjson", "tidemark"] + (["duckdb"] if self.duckdb.version else [])
        if all_cores:
            programs.remove("wc -l")
        runs = {program: [] for program in programs}
        for _ in range(self.rounds):
            for program in programs:
                runs[program].append(self.run(program, workload, all_cores))
        for program in programs:
            self.row(workload, program, runs[program], runs["bare simdjson"], all_cores)

    def row(self, workload, program, runs, bare, all_cores):
        seconds = statistics.median(run.seconds for run in runs)
        cpu = statistics.median(run.cpu_seconds for run in runs) / (LINES / 1e6)
        rss = max(run.rss_mib for run in runs)
        # How many records the program does in the CPU time in which the bare pass does a hundred; when pinned, one
        # core's wall time would add other processes' to it.
        share = statistics.median(100 * other.cpu_seconds / run.cpu_seconds for run, other in zip(runs, bare))
        note = "" if all(run.right for run in runs) else " (result differs)"
        print("| %s | %s%s | %s | %s | %.0f | %.2f | %.0f %% | %.0f |" %
              (workload, program, note, "all" if all_cores else "one", "{:,.0f}".format(LINES / seconds),
               self.mib / seconds, cpu, share, rss), flush=True)

    def pause(self):
        """The longest pause of each run, and what the host took from this machine meanwhile: a pause that is longer
        than the others may be its."""
        pauses = []
        for _ in range(self.rounds):
            folder = folder_new(os.path.join(self.folder, "run"), self.input)
            stolen = stolen_ms()
            run = Run([self.tidemark, "run", os.path.join(HERE, "pause.yaml")], folder, self.cores_text(True))
            found = re.search(r"longest pause for a snapshot: ([0-9.]+) ms", run.said)
            keys = re.search(r"unique: \d+ in, \d+ out, 9000000 duplicates", run.said)
            if found is None or keys is None or run.seconds < 2:
                fail("pause: no snapshot was made meanwhile:\n" + run.said)
            pauses.append((float(found.group(1)), stolen_ms() - stolen))
        longest = [pause for pause, _ in pauses]
        print("\nLongest pause for a snapshot at 1 M keys, in %d runs: %.1f ms; the runs' median: %.1f ms "
              "(wanted: at most 10 ms)." % (self.rounds, max(longest), statistics.median(longest)))
        print("Each run's, and the time that the host took from the machine during it: %s." %
              "; ".join("%.1f of %.0f ms" % pause for pause in pauses))
        print("A program that only looks at the clock for 10 s, with nothing else running, was held up %s." %
              gaps_text(), flush=True)

    def idle(self):
        """From the start to the first record's result in its file, and the memory of a daemon that waits."""
        starts, memory = [], []
        for _ in range(self.rounds):
            folder = folder_new(os.path.join(self.folder, "run"), self.input)
            out = os.path.join(folder, "out.ndjson")
            env = dict(os.environ, BENCH_DIR=folder)
            before = time.monotonic()
            child = subprocess.Popen([self.tidemark, "run", "--quiet", os.path.join(HERE, "idle.yaml")],
                                     env=env, stdin=subprocess.PIPE)
            child.stdin.write(b'{"ts": 0}\n')
            child.stdin.flush()
            while not (os.path.exists(out) and os.path.getsize(out) > 0):
                if time.monotonic() - before > 30 or child.poll() is not None:
                    fail("idle: no result came")
                time.sleep(0.0002)
            starts.append((time.monotonic() - before) * 1e3)
            time.sleep(1)
            memory.append(memory_mib(child.pid, "VmRSS"))
            child.send_signal(signal.SIGTERM)
            child.stdin.close()
            if child.wait() != 0:
                fail("idle: the daemon did not stop well")
        print("Start, new state folder, until the first record's result is in its file: %.0f ms; idle: %.1f MiB." %
              (statistics.median(starts), statistics.median(memory)), flush=True)

    def main(self):
        machine(self.tidemark, self.rounds)
        print("DuckDB %s.\n" % self.duckdb.version if self.duckdb.version
              else "DuckDB could not be had: its rows are missing.\n")
        print("| | program | cores | records/s | MiB/s | CPU s per M records | of bare (CPU) | peak RSS, MiB |\n"
              "|---|---|---|---|---|---|---|---|", flush=True)
        for all_cores in (False, True):
            for workload in WORKLOADS:
                self.workload(workload, all_cores)
        print()
        self.pause()
        self.idle()


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--oracle":
        Oracle(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 3 and sys.argv[1] == "--rows":
        print(rows_md5(json_rows(sys.argv[2])))
    elif len(sys.argv) == 4:
        Bench(*sys.argv[1:]).main()
    else:
        sys.exit(__doc__)
