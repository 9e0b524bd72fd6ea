#!/usr/bin/env python3
"""The benchmark's Kafka workloads: kafka.py TIDEMARK GEN KAFKA_LOAD. See README.md, "Kafka"."""
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kafka"))
import broker  # noqa: E402 (lies beside)

LINES = int(os.environ.get("LINES", "2000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RATES = [int(rate) for rate in os.environ.get("RATES", "1000 5000 20000 100000").split()]
SECONDS = int(os.environ.get("SECONDS", "20"))
PARTITIONS = 8


def fail(text):
    sys.exit("kafka.py: " + text)


def until(condition, what, limit_s=300):
    end = time.monotonic() + limit_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            fail("%s: not within %d s" % (what, limit_s))
        time.sleep(0.02)


class Child:
    """A program that is measured: its CPU time and peak memory are known when it has ended."""

    def __init__(self, command, env=None, **more):
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, env=dict(os.environ, **(env or {})), **more)

    def end(self, signal_number=None):
        if signal_number is not None:
            self.process.send_signal(signal_number)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss_mib = usage.ru_maxrss / 1024
        return self.process.returncode


def cpu_of(pid):
    fields = pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, tidemark, gen, load):
        self.tidemark, self.load = tidemark, load
        self.folder = pathlib.Path(os.environ.get("BENCH_DIR", "bench.work")).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.broker = broker.Broker(self.folder / "broker")
        self.input = self.folder / ("in-%d.ndjson" % LINES)
        if not self.input.exists():
            with open(self.input, "wb") as file:
                subprocess.run([gen, str(LINES)], stdout=file, check=True)
        self.n = 0

    def topic(self, partitions=PARTITIONS):
        self.n += 1
        name = "t%d-%d" % (os.getpid(), self.n)
        subprocess.run([self.load, "topic", self.broker.address, name, str(partitions)], check=True)
        return name

    def count(self, topic):
        done = subprocess.run([self.load, "count", self.broker.address, topic], capture_output=True, text=True)
        return int(done.stdout) if done.returncode == 0 else -1

    def metrics(self, port):
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5) as answer:
            return answer.read().decode()

    def daemon(self, job, source, sink):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        port = broker.free_ports(1)[0]
        env = {"BENCH_DIR": str(folder), "KAFKA": self.broker.address, "IN": source, "OUT": sink}
        child = Child([self.tidemark, "run", "--quiet", "--admin", "127.0.0.1:%d" % port, str(HERE / (job + ".yaml"))],
                      env)
        child.port, child.folder = port, folder
        return child

    def taken(self, child):
        try:
            text = self.metrics(child.port)
        except OSError:
            return 0
        found = re.search(r'^tidemark_records_in_total\{[^}]*component="in"[^}]*\} (\S+)', text, re.M)
        return float(found.group(1)) if found else 0

    def throughput(self, job, source, wanted_rows):
        """From the start of the daemon until all records of the topic were taken and committed."""
        sink = self.topic()
        before = cpu_of(self.broker.pid())
        child = self.daemon(job, source, sink)
        until(lambda: self.taken(child) >= LINES or child.process.poll() is not None, job)
        seconds = time.monotonic() - child.began
        if child.end(signal.SIGTERM) != 0:
            fail("%s: the daemon ended with %d" % (job, child.process.returncode))
        if wanted_rows is not None and self.count(sink) != wanted_rows:
            fail("%s: %d records came out, %d are right" % (job, self.count(sink), wanted_rows))
        shutil.rmtree(child.folder)
        return seconds, child.cpu, child.rss_mib, cpu_of(self.broker.pid()) - before

    def streams(self, source, mode):
        sink = self.topic()
        folder = tempfile.mkdtemp(dir=self.folder)
        before = cpu_of(self.broker.pid())
        child = Child(["java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", self.classes, "K3",
                       self.broker.address, source, sink, str(LINES), folder, mode], stdout=subprocess.PIPE, text=True)
        if not child.process.stdout.readline().startswith("taken"):
            fail("Kafka Streams has not done its job")
        seconds = time.monotonic() - child.began
        child.end()
        shutil.rmtree(folder)
        return seconds, child.cpu, child.rss_mib, cpu_of(self.broker.pid()) - before

    def row(self, job, program, runs):
        seconds, cpu, rss, brokers = (statistics.median(run[i] for run in runs) for i in range(4))
        print("| %s | %s | %s | %.2f | %.0f | %.2f |" % (job, program, "{:,.0f}".format(LINES / seconds),
                                                       cpu / LINES * 1e6, max(run[2] for run in runs),
                                                       brokers / LINES * 1e6), flush=True)

    def streams_prepare(self):
        jars, classes = self.folder / "streams-jars", self.folder / "streams-classes"
        peer = HERE / "peers" / "streams"
        if not jars.exists():
            done = subprocess.run(["mvn", "-q", "-B", "-f", peer / "pom.xml", "dependency:copy-dependencies",
                                   "-DoutputDirectory=%s" % jars], capture_output=True)
            if done.returncode != 0:
                return False
        self.classes = "%s:%s/*" % (classes, jars)
        done = subprocess.run(["javac", "-cp", "%s/*" % jars, "-d", classes, peer / "K3.java"], capture_output=True,
                              text=True)
        return done.returncode == 0

    def latency(self, program, rate):
        source, sink = self.topic(), self.topic()
        if program == "tidemark":
            child = self.daemon("k3-latency", source, sink)
        else:
            folder = tempfile.mkdtemp(dir=self.folder)
            child = Child(["java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", self.classes,
                           "K3", self.broker.address, source, sink, str(10**12), folder, "updates"])
        time.sleep(8)  # its group has come together; what is measured leaves out the first seconds too
        done = subprocess.run([self.load, "pace", self.broker.address, source, sink, str(rate), str(SECONDS)],
                              capture_output=True, text=True)
        child.end(signal.SIGTERM)
        if done.returncode != 0:
            fail("pace: " + done.stderr)
        figures = json.loads(done.stdout)
        print("| %s | %s | %.1f | %.1f | %.1f | %.1f | %.0f | %.0f | %.1f |" %
              (program, "{:,d}".format(rate), figures["p50"], figures["p99"], figures["p999"], figures["longest"],
               child.cpu / (rate * SECONDS) * 1e6, child.rss_mib, figures["behind_ms"]), flush=True)

    def main(self):
        os.environ["KAFKA_BENCH"] = "1"
        with self.broker.used():
            self.broker.start()
            peer = self.streams_prepare()
            if not peer:
                print("Kafka Streams could not be had: its rows are missing.\n")
            source = self.topic()
            if subprocess.run([self.load, "fill", self.broker.address, source, self.input],
                              stdout=subprocess.DEVNULL).returncode != 0:
                fail("the topic cannot be filled")
            print("| job | program | records/s | CPU us a record | peak RSS, MiB | broker's CPU us a record |\n"
                  "|---|---|---|---|---|---|", flush=True)
            runs = {("w1", "tidemark"): [], ("k3", "tidemark"): [], ("k3", "streams"): []}
            for _ in range(ROUNDS):
                runs["w1", "tidemark"].append(self.throughput("k1", source, self.errors()))
                runs["k3", "tidemark"].append(self.throughput("k3", source, None))
                if peer:
                    runs["k3", "streams"].append(self.streams(source, "final"))
            for (job, program), list_ in runs.items():
                if list_:
                    self.row(job, program, list_)
            print("\n| program | records/s | p50, ms | p99, ms | p99.9, ms | longest, ms | CPU us a record | peak RSS, MiB "
                  "| sender behind, ms |\n|---|---|---|---|---|---|---|---|---|", flush=True)
            for rate in RATES:
                self.latency("tidemark", rate)
                if peer:
                    self.latency("streams", rate)

    def errors(self):
        with open(self.input, "rb") as file:
            return sum(1 for line in file if re.search(rb'"status":5', line))


Bench(*sys.argv[1:]).main()
