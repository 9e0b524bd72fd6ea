#!/usr/bin/env python3
"""A real Kafka broker for the suites: one KRaft process on a free port of the loopback.

    broker.py FOLDER start    prints host:port; a broker that was killed comes back with its data, on its port
    broker.py FOLDER kill     kill -9, and waits until it is gone
    broker.py FOLDER stop     SIGSTOP; cont: SIGCONT
    broker.py FOLDER run COMMAND...   starts a broker unless one runs, runs the command with KAFKA_BROKERS and
                              KAFKA_FOLDER set, and says what the command said

FOLDER holds its data, its log and its pid. Next to the program (kafka-broker/ in the build) is what all brokers share:
the jars that Maven brought, and an archive of their classes that makes a start twice as fast.

Each broker has a keeper, its parent process: it kills the broker (by the pid that it started) once nobody has used the
folder for some time. Who uses it holds a shared lock on FOLDER/users, which the system takes back from the dead."""
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.Path(os.environ.get("KAFKA_SHARED", "kafka-broker")).absolute()
CLUSTER = "dGlkZW1hcmstdGVzdHMtMQ"
ARCHIVE = SHARED / "classes.jsa"
LIMIT_S = 90
UNUSED_S = 20
SETTINGS = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
controlled.shutdown.enable=false
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=100
log.retention.ms=-1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=65536
num.network.threads=2
num.io.threads=4
log.retention.check.interval.ms=1000
"""


class Failed(SystemExit):
    pass


@contextlib.contextmanager
def locked(path, how=fcntl.LOCK_EX):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, how)
        yield


def until(condition, what, limit_s=LIMIT_S):
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise Failed("broker.py: %s within %d s" % (what, limit_s))
        time.sleep(0.02)


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def jars():
    """The class path."""
    return ":".join(str(jar) for jar in sorted((SHARED / "jars").glob("*.jar")))


def prepare():
    """Once for each build: Maven is asked, and a first broker is run for the archive of its classes."""
    with locked(SHARED / "lock"):
        folder = SHARED / "jars"
        if not folder.exists():
            coming = SHARED / "coming"
            shutil.rmtree(coming, ignore_errors=True)
            done = subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies",
                                   "-DoutputDirectory=%s" % coming], capture_output=True, text=True)
            if done.returncode != 0:
                raise Failed("broker.py: Maven cannot fetch Kafka, and without it nothing is proven:\n" + done.stdout)
            coming.rename(folder)
        if not ARCHIVE.exists():
            first = Broker(SHARED / "first")
            with first.used():
                first.start("-XX:ArchiveClassesAtExit=%s" % ARCHIVE)
                first.signal(signal.SIGTERM)
                until(lambda: not first.pid(), "the first broker does not end")
            shutil.rmtree(first.folder)


def java(*arguments):
    # The benchmark wants a broker that is compiled well and has room.
    size = ["-Xmx1g"] if "KAFKA_BENCH" in os.environ else ["-Xmx192m", "-XX:TieredStopAtLevel=1"]
    command = ["java", *size, "-XX:+UseSerialGC", "-Xshare:auto",
               "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
               "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp", jars()]
    return command + list(arguments)


class Broker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).absolute()

    def _read(self, name):
        try:
            return (self.folder / name).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    @property
    def address(self):
        return "127.0.0.1:" + self._read("port")

    def pid(self):
        """0: it does not run. A number that went to somebody else is not it."""
        pid = self._read("pid")
        try:
            line = pathlib.Path("/proc/%s/cmdline" % pid).read_bytes() if pid else b""
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(pid) if str(self.folder).encode() in line else 0

    @contextlib.contextmanager
    def used(self):
        with locked(self.folder / "users", fcntl.LOCK_SH):
            yield

    def start(self, option=None):
        if option is None:
            prepare()
            option = "-XX:SharedArchiveFile=%s" % ARCHIVE
        with locked(self.folder / "lock"):
            if not self.pid():
                self._prepare()
                (self.folder / "log").unlink(missing_ok=True)  # the keeper before may still write into it
                subprocess.Popen([sys.executable, "-B", __file__, str(self.folder), "keep", option], start_new_session=True,
                                 stdin=subprocess.DEVNULL, stdout=open(self.folder / "log", "w", encoding="ascii"),
                                 stderr=subprocess.STDOUT)
                until(self._up, "the broker is not ready; %s/log says why" % self.folder)
        return self.address

    def _up(self):
        if not (self.folder / "log").exists():
            return False
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        if "keeper: " in log:
            raise Failed("broker.py: the broker ended at once; %s/log says why" % self.folder)
        return "Kafka Server started" in log

    def _prepare(self):
        (self.folder / "pid").unlink(missing_ok=True)
        if (self.folder / "settings").exists():
            return
        port, controller = free_ports(2)
        data = self.folder / "data"
        (self.folder / "settings").write_text(SETTINGS.format(port=port, controller=controller, data=data),
                                              encoding="ascii")
        (self.folder / "port").write_text(str(port), encoding="ascii")
        done = subprocess.run(java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c",
                                   str(self.folder / "settings")), capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("broker.py: cannot format: " + done.stderr)

    def keep(self, option):
        """The keeper: runs the broker until it ends, or until nobody uses it."""
        child = subprocess.Popen(java(option, "kafka.Kafka", str(self.folder / "settings")))
        (self.folder / "pid").write_text(str(child.pid), encoding="ascii")
        unused_since = time.monotonic()
        while child.poll() is None:
            time.sleep(0.1)
            with contextlib.suppress(FileNotFoundError), open(self.folder / "users", encoding="ascii") as users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    unused_since = time.monotonic()
            if time.monotonic() - unused_since > UNUSED_S or not self.folder.exists():
                child.kill()
        print("keeper: the broker ended with %d" % child.wait(), flush=True)

    def signal(self, number):
        pid = self.pid()
        if pid:
            os.kill(pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        until(lambda: not self.pid(), "the broker does not die")

    def run(self, command):
        with self.used():
            address = self.start()
            environment = dict(os.environ, KAFKA_BROKERS=address, KAFKA_FOLDER=str(self.folder),
                               KAFKA_BROKER="%s -B %s %s" % (sys.executable, __file__, self.folder))
            return subprocess.run(command, env=environment).returncode


def main():
    broker, word = Broker(sys.argv[1]), sys.argv[2]
    if word == "run":
        sys.exit(broker.run(sys.argv[3:]))
    if word == "start":
        print(broker.start())
    else:
        {"keep": lambda: broker.keep(sys.argv[3]), "kill": broker.kill, "stop": lambda: broker.signal(signal.SIGSTOP),
         "cont": lambda: broker.signal(signal.SIGCONT)}[word]()


if __name__ == "__main__":
    main()
