"""Sockets of every kind against the whole program: clients whose lines are cut anywhere, a stop that delivers what was
taken, a kill -9 after which what was delivered is there once, files of sockets, and too few descriptors."""
import json
import os
import random
import resource
import socket
import stat
import threading
import time


def wait_for(process, condition, what):
    until = time.monotonic() + 60
    while not condition():
        check(process.poll() is None, "it ended with %s before %s" % (process.returncode, what))
        check(time.monotonic() < until, "not within a minute: %s" % what)
        time.sleep(0.01)


running = []  # daemons that have not been waited for


class Daemon:
    """The program, its diagnostics being read, and where it listens."""

    def __init__(self, case, config=None, listeners=4, **settings):
        self.process = case.start("run", config or case.pipeline, **settings)
        running.append(self.process)
        self.said = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        wait_for(self.process, lambda: len(self.listening()) == listeners, "it listens")

    def read(self):
        for line in self.process.stderr:
            self.said.append(line.decode())

    def listening(self):
        return [line for line in self.said if "listening on" in line]

    def port(self, mode):
        return int(re.search(r"listening on %s 127\.0\.0\.1:(\d+)" % mode, "".join(self.said)).group(1))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed("it did not end within a minute of the signal:\n%s" % "".join(self.said))
        running.remove(self.process)
        self.reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        check(number == signal.SIGKILL or self.process.returncode == 0,
              "the exit status is %d:\n%s" % (self.process.returncode, "".join(self.said)))


def lines(case, name):
    """The whole lines that are there; the file may be on its way."""
    try:
        return read(case.path("out", name)).split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def tcp(port):
    return socket.create_connection(("127.0.0.1", port))


def unix(kind, path):
    peer = socket.socket(socket.AF_UNIX, kind)
    peer.connect(path)
    return peer


def many_clients(case, daemon):
    """Forty at once, each line cut wherever chance wants; each client's lines in its order."""
    clients, each = 40, 250
    port = daemon.port("tcp")

    def client(number, chance):
        data = b"".join(b'{"client":%d,"i":%d,"pad":"%s"}\n' % (number, i, b"x" * chance.randrange(200)) for i in range(each))
        if number % 2:
            data = data[:-1]  # a half line at a good end is a record
        with tcp(port) as peer:
            while data:
                n = chance.randrange(1, 3000)
                peer.sendall(data[:n])
                data = data[n:]

    threads = [threading.Thread(target=client, args=(n, random.Random(case.seed + n))) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(daemon.process, lambda: len(lines(case, "tcp.ndjson")) >= clients * each, "all lines of tcp are there")
    got = {}
    for line in lines(case, "tcp.ndjson"):
        record = json.loads(line)
        got.setdefault(record["client"], []).append(record["i"])
    check(got == {n: list(range(each)) for n in range(clients)}, "lines are missing, twice or out of order")


def other_kinds(case, daemon):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(50):
        peer.sendto(b'{"i":%d}\n{"i":%d}' % (2 * i, 2 * i + 1), ("127.0.0.1", daemon.port("udp")))
    peer.close()
    path = case.path("stream")
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o620, "the rights of the socket's file are %o" % os.stat(path).st_mode)
    with unix(socket.SOCK_STREAM, path) as stream:
        stream.sendall(b'{"i":0}\n{"long":"' + b"y" * 100000 + b'"}\n{"i":1}\n{"i"')
        stream.sendall(b":2}")
    with unix(socket.SOCK_DGRAM, case.path("gram")) as gram:
        for i in range(50):
            gram.send(b'{"i":%d}' % i)
    numbers = lambda name: [json.loads(line)["i"] for line in lines(case, name)]
    wait_for(daemon.process, lambda: len(lines(case, "udp.ndjson")) == 100 and len(lines(case, "unix.ndjson")) == 3 and
             len(lines(case, "unixgram.ndjson")) == 50 and len(lines(case, "long.ndjson")) == 1, "datagrams and unix lines are there")
    check(numbers("udp.ndjson") == list(range(100)) and numbers("unixgram.ndjson") == list(range(50)) and
          numbers("unix.ndjson") == [0, 1, 2], "lines are missing or out of order")
    record = json.loads(lines(case, "long.ndjson")[0])
    check(record["_error"]["code"] == "line.too_long" and len(record["_raw"]) == 1002, "the long line: %s" % excerpt(lines(case, "long.ndjson")[0]))


def steady(port, stop, sent):
    """Sends numbered lines until told to stop or hung up on."""
    with tcp(port) as peer:
        while not stop.is_set():
            line = b'{"n":%d}\n' % sent[0]
            try:
                peer.sendall(line)
            except OSError:
                return
            sent[0] += 1


def stop_and_kill(case):
    """SIGTERM delivers what was taken; after kill -9 what was delivered is there once and nothing in between lacks."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        case.fresh()
        daemon = Daemon(case, EPOCH_BYTES=3000, CHECKPOINT="20ms")
        stop, sent = threading.Event(), [0]
        thread = threading.Thread(target=steady, args=(daemon.port("tcp"), stop, sent), daemon=True)
        thread.start()
        wait_for(daemon.process, lambda: len(lines(case, "tcp.ndjson")) > 2000, "some lines are there")
        daemon.end(number)
        stop.set()
        thread.join()
        check(os.path.exists(case.path("stream")) == (number == signal.SIGKILL), "the socket's file after signal %d" % number)
        daemon = Daemon(case)  # a socket's file that was left behind is replaced
        with unix(socket.SOCK_STREAM, case.path("stream")) as peer:
            peer.sendall(b'{"again":1}\n')
        wait_for(daemon.process, lambda: lines(case, "unix.ndjson") == [b'{"again":1}'], "the next start takes lines")
        daemon.end()
        got = [json.loads(line)["n"] for line in lines(case, "tcp.ndjson")]
        check(2000 < len(got) <= sent[0] and got == list(range(len(got))), "after signal %d a line is missing or there twice" % number)


def in_use(case):
    """A socket file of a living daemon is refused."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        case.fresh()
        other.bind(case.path("stream"))
        other.listen()
        result = case.run()
        check(result.status == 75 and result.says("cannot listen on unix:.*Address already in use"), "in use: %d\n%s" % (result.status, result.stderr))
        check(os.path.exists(case.path("stream")), "the file of the other one is gone")


def few_descriptors(case):
    """Callers beyond the descriptors wait, at no cost; those who are there are served."""
    case.fresh()
    daemon = Daemon(case)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (100, 100))
    peers = [tcp(daemon.port("tcp")) for i in range(120)]
    wait_for(daemon.process, lambda: any("socket-accept" in line for line in daemon.said), "it says that it cannot accept")
    ticks = lambda: sum(map(int, open("/proc/%d/stat" % daemon.process.pid).read().rsplit(")")[1].split()[11:13]))
    before = ticks()
    time.sleep(0.5)  # it must rest: what is measured is time of the processor
    check(ticks() - before < 0.25 * os.sysconf("SC_CLK_TCK"), "it spins")
    for i, peer in enumerate(peers):
        peer.sendall(b'{"peer":%d}\n' % i)
    wait_for(daemon.process, lambda: len(lines(case, "tcp.ndjson")) > 20, "those who were accepted are served")
    for peer in peers:
        peer.close()
    wait_for(daemon.process, lambda: len(lines(case, "tcp.ndjson")) == 120, "the others are served when these have left")
    daemon.end()


def slow_sink(case):
    """Nobody reads what comes out: the client is held, and nothing is lost."""
    case.fresh()
    daemon = Daemon(case, config=os.path.join(case.folder, "slow.yaml"), listeners=1)
    data = b"".join(b"%d %s\n" % (i, b"z" * 1000) for i in range(40000))
    sent = [0]

    def client():
        with tcp(daemon.port("tcp")) as peer:
            while sent[0] < len(data):
                sent[0] += peer.send(data[sent[0]:sent[0] + 100000])

    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    seen = [-1, time.monotonic()]

    def held():
        if sent[0] != seen[0]:
            seen[:] = [sent[0], time.monotonic()]
        return time.monotonic() - seen[1] > 1
    wait_for(daemon.process, held, "the client is held")
    check(sent[0] < len(data), "all of it went in though nothing came out")
    got = [json.loads(daemon.process.stdout.readline())["message"].encode() + b"\n" for line in data.splitlines()]
    thread.join()
    check(b"".join(got) == data, "lines are lost or changed")
    daemon.end()


def kinds(case):
    daemon = Daemon(case, WORKERS=2, EPOCH_BYTES=20000, CHECKPOINT="50ms")
    many_clients(case, daemon)
    other_kinds(case, daemon)
    daemon.end()


def test(case):
    try:
        kinds(case)
        stop_and_kill(case)
        in_use(case)
        few_descriptors(case)
        slow_sink(case)
    finally:
        for process in running:
            process.kill()
