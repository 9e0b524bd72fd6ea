"""The source http on the real program: what is answered, and that what was acknowledged comes out."""
import gzip
import http.client
import json
import os
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import TROUBLE, free_port, until

LIMIT_S = 60
LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


class Daemon:
    def __init__(self, case, name, **settings):
        self.case, self.port = case, free_port()
        self.process = case.start("run", os.path.join(case.folder, name), PORT=self.port, **settings)
        until(lambda: self.listens() or self.process.poll() is not None, "the daemon listens")

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def post(self, body, headers=LINES, path="/in", token="secret", connection=None):
        connection = connection or self.connect()
        connection.request("POST", path, body, dict(headers, Authorization="Bearer " + token))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}"), answer

    def drain(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self):
        """What is left of a drain; stdout and stderr."""
        out, err = self.process.communicate(timeout=LIMIT_S)
        check(self.process.returncode == 0, "status %d: %s" % (self.process.returncode, excerpt(err)))
        check(not any(sign.encode() in err for sign in TROUBLE), excerpt(err, 8000))
        return out, err


def some(start, n):
    return [{"n": i} for i in range(start, start + n)]


def lines_of(found):
    return b"".join(json.dumps(record).encode() + b"\n" for record in found)


def answers(case):
    daemon = Daemon(case, "pipeline.yaml")
    check(daemon.post(lines_of(some(0, 100)))[:2] == (202, {"accepted": 100}), "lines are not taken")
    check(daemon.post(json.dumps(some(100, 50), indent=2), JSON, "/also")[:2] == (202, {"accepted": 50}), "an array")
    check(daemon.post(json.dumps(some(150, 1)[0], indent=2), JSON)[:2] == (202, {"accepted": 1}), "an object")
    packed = gzip.compress(lines_of(some(151, 1000)))
    check(daemon.post(packed, dict(LINES, **{"Content-Encoding": "gzip"}))[:2] == (202, {"accepted": 1000}), "gzip")
    connection = daemon.connect()
    for i in range(50):  # one connection, also with chunks
        body = lines_of(some(1151 + i, 1))
        check(daemon.post(iter([body[:5], body[5:]]) if i % 2 else body, connection=connection)[0] == 202, "chunks")
    status, said, _ = daemon.post(lines_of(some(0, 2)) + b'{"n": tru}\n')
    check(status == 400 and said["line"] == 3 and "line 3" in said["error"], "%d %s" % (status, said))
    for wanted, body, headers, path, token in ((401, b"{}", LINES, "/in", "guess"), (404, b"{}", LINES, "/", "secret"),
                                               (415, b"{}", {"Content-Type": "text/csv"}, "/in", "secret"),
                                               (413, b" " * (1 << 20) + b"{}", LINES, "/in", "secret"),
                                               (413, gzip.compress(b" " * (1 << 25)),
                                                dict(LINES, **{"Content-Encoding": "gzip"}), "/in", "secret")):
        status, said, _ = daemon.post(body, headers, path, token)
        check(status == wanted and said["error"], "%d instead of %d: %s" % (status, wanted, said))
    daemon.drain()
    daemon.end()
    compare("out.ndjson", Unordered(some(0, 1201)), records(read(case.path("out/out.ndjson")), "out.ndjson"))


def promises(case):
    """Whatever is promised, there is an answer."""
    text = read(os.path.join(case.folder, "pipeline.yaml")).decode()
    for setting in ("delivery: at_least_once", "delivery: at_most_once", "log: {sync: always}", "log: {sync: never}"):
        case.fresh()
        write(case.path("promise.yaml"), setting + "\n" + text)
        daemon = Daemon(case, case.path("promise.yaml"))
        for i in range(3):
            check(daemon.post(lines_of(some(i, 1)))[0] == 202, setting)
        daemon.drain()
        daemon.end()
        compare("out.ndjson", some(0, 3), records(read(case.path("out/out.ndjson")), "out.ndjson"))


def bad_records_alone(case):
    daemon = Daemon(case, "pipeline.yaml", PARTIAL="accept")
    status, said, _ = daemon.post(b'{"n": 1}\nnothing\n{"n": 2}\n')
    check(status == 202 and said["bad"] == 1 and said["problems"][0]["line"] == 2, "%d %s" % (status, said))
    daemon.drain()
    daemon.end()
    compare("out.ndjson", [{"n": 1}, {"n": 2}], records(read(case.path("out/out.ndjson")), "out.ndjson"))
    bad, = records(read(case.path("out/bad.ndjson")), "bad.ndjson")
    check(bad["_raw"] == "nothing" and bad["_error"]["code"].startswith("json."), "in .errors: %s" % bad)


def back_pressure(case):
    """Nobody reads: what cannot be held is refused at once; what was acknowledged comes out in the end. While the
    drain waits for the reader, new requests are refused."""
    daemon = Daemon(case, "blocked.yaml")
    sent, refused = [], 0
    end = time.monotonic() + LIMIT_S
    waiting = []
    while refused == 0:
        check(time.monotonic() < end, "nothing is refused")
        body = b"".join(b'{"n": %d, "x": "%s"}\n' % (len(sent) + len(waiting), b"x" * 500) for _ in range(500))
        one = daemon.connect()
        one.request("POST", "/", body, LINES)
        waiting.append(one)
        time.sleep(0.01)
        for open_one in list(waiting):
            open_one.sock.setblocking(False)
            try:
                there = open_one.sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            finally:
                open_one.sock.settimeout(LIMIT_S)
            if not there:
                continue
            answer = open_one.getresponse()
            answer.read()
            waiting.remove(open_one)
            check(answer.status in (202, 429), "a status of %d" % answer.status)
            refused += answer.status == 429
            if answer.status == 202:
                sent.append(500)
            else:
                check(answer.getheader("Retry-After"), "no Retry-After")
    daemon.drain()
    status = 0
    while status != 503:
        check(time.monotonic() < end, "a draining daemon goes on taking")
        status, _, answer = daemon.post(b"{}\n", path="/")
        check(status in (429, 503) and answer.getheader("Retry-After"), "a draining daemon answers %d" % status)
    for one in waiting:  # in the queue until the drain: refused, or taken before
        answer = one.getresponse()
        answer.read()
        check(answer.status in (202, 429, 503), "who waited got %d" % answer.status)
        if answer.status == 202:
            sent.append(500)
    out, _ = daemon.end()
    check(len(out.splitlines()) == sum(sent), "%d records of %d came out" % (len(out.splitlines()), sum(sent)))


def tls(case):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    case.path("server.key"), "-out", case.path("server.pem")], check=True, capture_output=True)
    daemon = Daemon(case, "tls.yaml")
    curl = ["curl", "-sS", "--max-time", str(LIMIT_S), "--cacert", case.path("server.pem"), "-H",
            "Content-Type: application/json", "-d", '{"n": 1}', "https://127.0.0.1:%d/" % daemon.port]
    check(subprocess.run(curl, capture_output=True).returncode != 0, "taken without a certificate")
    with_own = subprocess.run(curl + ["--cert", case.path("server.pem"), "--key", case.path("server.key")],
                              capture_output=True)
    check(with_own.stdout == b'{"accepted":1}\n', "curl got %r" % with_own)
    daemon.drain()
    daemon.end()
    compare("out.ndjson", [{"n": 1}], records(read(case.path("out/out.ndjson")), "out.ndjson"))


def slow_clients(case):
    daemon = Daemon(case, "pipeline.yaml", REQUEST_TIMEOUT="500ms")
    slow = [socket.create_connection(("127.0.0.1", daemon.port), LIMIT_S) for _ in range(20)]
    for one in slow:
        one.sendall(b"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\nContent-Length: 9\r\n\r\n{")
    check(daemon.post(lines_of(some(0, 1)))[0] == 202, "others are not served")
    for one in slow:
        check(one.recv(65536).startswith(b"HTTP/1.1 408 "), "a slow client goes on")
        one.close()
    daemon.drain()
    daemon.end()


def flood(case):
    """More callers than descriptors: the log still gets its files, and who is in goes on."""
    write(case.path("flood.yaml"), "log: {segment: 1MiB}\n" + read(os.path.join(case.folder, "pipeline.yaml")).decode())
    daemon = Daemon(case, case.path("flood.yaml"))
    kept = daemon.connect()
    check(daemon.post(lines_of(some(0, 1)), connection=kept)[0] == 202, "before the flood")
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (64, 64))
    callers = [socket.create_connection(("127.0.0.1", daemon.port), LIMIT_S) for _ in range(100)]
    for i in range(40):
        body = b"".join(b'{"n": %d, "x": "%s"}\n' % (i, b"x" * 10000) for _ in range(20))
        status, said, _ = daemon.post(body, connection=kept)
        check(status == 202, "within the flood: %d %s" % (status, said))
    for caller in callers:
        caller.close()
    check(daemon.post(lines_of(some(0, 1)))[0] == 202, "after the flood")
    daemon.drain()
    daemon.end()
    check(len(read(case.path("out/out.ndjson")).splitlines()) == 802, "records are missing")


def reload(case):
    """Another token by SIGHUP: connections stay, and so does a request of which half has come."""
    path = case.path("reload.yaml")
    text = read(os.path.join(case.folder, "pipeline.yaml")).decode()
    write(path, text.replace("${TOKEN:-secret}", "first"))
    daemon = Daemon(case, path)
    kept = daemon.connect()
    check(daemon.post(lines_of(some(0, 1)), token="first", connection=kept)[0] == 202, "the first token")
    half = socket.create_connection(("127.0.0.1", daemon.port), LIMIT_S)
    half.sendall(b"POST /in HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer first\r\nContent-Length: 9\r\n\r\n{\"n\"")
    check(daemon.post(lines_of(some(1, 1)), token="second", connection=kept)[0] == 401, "the second token, too early")
    write(path, text.replace("${TOKEN:-secret}", "second"))
    daemon.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + LIMIT_S
    while daemon.post(lines_of(some(1, 1)), token="second", connection=kept)[0] != 202:
        check(time.monotonic() < end, "the reload does not come")
        time.sleep(0.01)
    half.sendall(b": 2}\n")
    check(half.recv(65536).startswith(b"HTTP/1.1 202 "), "the half request is lost")
    half.close()
    with socket.socket() as taken:  # an address in use: the old configuration goes on
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        write(path, text.replace("${TOKEN:-secret}", "third").replace("${PORT}", str(taken.getsockname()[1])))
        daemon.process.send_signal(signal.SIGHUP)
        check(daemon.post(lines_of(some(3, 1)), token="second", connection=kept)[0] == 202, "the refused reload")
        while b"reload-refused" not in daemon.process.stderr.readline():
            check(time.monotonic() < end, "the reload is not refused")
    check(daemon.post(lines_of(some(4, 1)), token="second", connection=kept)[0] == 202, "after the refused reload")
    daemon.drain()
    daemon.end()
    compare("out.ndjson", some(0, 5), records(read(case.path("out/out.ndjson")), "out.ndjson"))


def example(case):
    """Its own call of curl, as it stands there."""
    path = os.path.join(case.folder, "../../../examples/source-http.yaml")
    comment = "".join(line[1:] for line in read(path).decode().splitlines(True) if line.startswith("#"))
    daemon = Daemon(case, path)
    command = comment[comment.index("curl "):].strip().replace("127.0.0.1:8080", "127.0.0.1:%d" % daemon.port)
    for _ in range(2):
        said = subprocess.run(["sh", "-c", command], capture_output=True).stdout
        check(said == b'{"accepted":2}\n', "the example's call got %r" % said)
    daemon.drain()
    out, _ = daemon.end()
    check([record["id"] for record in records(out, "stdout")] == [1], "the example printed %r" % out)


def test(case):
    for part in (answers, promises, bad_records_alone, back_pressure, tls, slow_clients, flood, reload, example):
        case.fresh()
        try:
            part(case)
        except Failed as failure:
            raise Failed("%s: %s" % (part.__name__, failure))
