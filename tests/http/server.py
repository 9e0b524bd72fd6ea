#!/usr/bin/env python3
"""The HTTP server on real sockets: slow and silent clients, more callers than descriptors, what smuggling looks
like on the wire, and TLS with curl and Python's ssl as clients. Rules on bytes are in test_http_guard.c."""
import contextlib
import gzip
import os
import re
import resource
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1]
LIMIT_S = 60
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def check(condition, text):
    if not condition:
        raise SystemExit("server.py: " + text)


class Server:
    def __init__(self, *arguments, descriptors=None):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen([PROGRAM, "127.0.0.1:0", *map(str, arguments)], stdout=subprocess.PIPE,
                                        preexec_fn=few if descriptors else None)
        line = self.process.stdout.readline().decode()
        check(":" in line, "the server did not start")
        host, port = line.strip().rsplit(":", 1)
        self.address = (host, int(port))
        self.url = "//127.0.0.1:%s" % port

    def connect(self):
        return socket.create_connection(self.address, LIMIT_S)

    def again(self):
        self.process.send_signal(signal.SIGHUP)
        return self.process.stdout.readline().decode().strip()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=LIMIT_S)
        check(self.process.returncode == 0, "the server ended with %d" % self.process.returncode)
        return [int(number) for number in re.findall(r"\d+", out.decode())]


def read_all(connection):
    got = b""
    while True:
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            return got + b"(reset)"
        if not more:
            return got
        got += more


def statuses(got):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", got)]


def ask(server, request):
    """All that the server says to bytes after which it closes, or we do."""
    with server.connect() as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def slow_clients():
    """A byte now and then does not help, and the others are served meanwhile."""
    server = Server(800)
    slow = [server.connect() for _ in range(50)]
    begin = time.monotonic()
    rest = {connection: b"GET / HTTP/1.1\r\nHost: " + b"a" * 10000 for connection in slow}
    answers = {}
    while len(answers) < len(slow):
        check(time.monotonic() - begin < LIMIT_S, "slow clients are still there")
        for connection in [c for c in slow if c not in answers]:
            with contextlib.suppress(OSError):
                connection.send(rest[connection][:1])
                rest[connection] = rest[connection][1:]
            if select.select([connection], [], [], 0)[0]:
                answers[connection] = read_all(connection)
        check(statuses(ask(server, GET)) == [200], "others are not served")
        time.sleep(0.05)
    check(time.monotonic() - begin >= 0.7, "slow clients were ended too early")
    for got in answers.values():
        check(statuses(got)[:1] == [408], "a slow client got %r" % got[:100])
    for connection in slow:
        connection.close()
    check(server.end()[3] == len(slow), "timeouts are not counted")


def more_callers_than_descriptors():
    """The listener waits instead of spinning; who waits is served when others have gone."""
    server = Server(30000, 1000, descriptors=64)
    callers = [server.connect() for _ in range(100)]
    for caller in callers:
        caller.sendall(GET)
    served = []
    begin = time.monotonic()
    while len(served) < len(callers):
        check(time.monotonic() - begin < LIMIT_S, "only %d callers were served" % len(served))
        ready = select.select([c for c in callers if c not in served], [], [], LIMIT_S)[0]
        for caller in ready:
            check(caller.recv(65536).startswith(b"HTTP/1.1 200 "), "a caller was not served")
            served.append(caller)
            caller.close()
    turns, accepted = server.end()[:2]
    check(accepted == len(callers), "%d of %d accepted" % (accepted, len(callers)))
    check(turns < 3000, "the loop made %d turns" % turns)


def callers_at_the_cap():
    server = Server(30000, 10)
    callers = [server.connect() for _ in range(30)]
    for caller in callers[10:]:
        caller.sendall(GET)
    for _ in range(20):  # the server has looked at what waits so often at least
        callers[0].sendall(GET)
        check(callers[0].recv(65536).startswith(b"HTTP/1.1 200 "), "a caller within the cap was not served")
    check(not select.select(callers, [], [], 0)[0], "somebody beyond the cap was served")
    for caller in callers[:10]:
        caller.close()
    for caller in callers[10:]:
        check(caller.recv(65536).startswith(b"HTTP/1.1 200 "), "a caller was not served")
        caller.close()
    check(server.end()[0] < 500, "the loop spins")


def smuggling():
    """Whatever is refused: what follows on the connection is not taken for a request."""
    server = Server()
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: a\r\n"
    for lines in (b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
                  b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
                  b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding : chunked\r\n",
                  b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
                  b"Transfer-Encoding:\r\n chunked\r\n", b"X: x\nTransfer-Encoding: chunked\r\n",
                  b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: +5\r\n",
                  b"Content-Length: 5\x00\r\n", b" Content-Length: 5\r\n"):
        got = ask(server, post + lines + b"\r\n0\r\n\r\n" + hidden)
        check(statuses(got) == [400] and b"hidden" not in got, "%r got %r" % (lines, got))
        check(b"Connection: close" in got, "%r goes on" % lines)
    for body in (b"5\r\nabcde\n0\r\n\r\n", b"5;\nx\r\nabcde\r\n0\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"5 \r\nabcde\r\n0\r\n\r\n"):
        got = ask(server, post + b"Transfer-Encoding: chunked\r\n\r\n" + body + hidden)
        check(statuses(got) == [400] and b"hidden" not in got, "%r got %r" % (body, got))
    server.end()


def answers_survive():
    """The answer to a request whose body is not read reaches a client that sends it all the same."""
    server = Server()
    for _ in range(20):
        with server.connect() as connection:
            body = b"x" * 30000000
            head = b"POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(head + body[:500000])
            check(statuses(connection.recv(65536)) == [401], "the answer is lost")
    bomb = gzip.compress(b"0" * 100000000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    check(statuses(ask(server, head + bomb)) == [413], "the bomb went off")
    server.end()


def make_certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    for name, authority in (("server", "ca"), ("client", "ca"), ("stranger", "other")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", authority + ".pem", "-CAkey", authority + ".key",
                "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out", name + ".pem")


def curl(server, *arguments):
    return subprocess.run(["curl", "-sS", "--max-time", str(LIMIT_S), *arguments, "https:" + server.url + "/"],
                          capture_output=True)


def tls_with_ssl(server, ca, certificate=None, key=None, **versions):
    context = ssl.create_default_context(cafile=ca)
    for name, value in versions.items():
        setattr(context, name, value)
    if certificate:
        context.load_cert_chain(certificate, key)
    try:
        with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as connection:
            connection.sendall(GET)
            return connection.recv(65536)
    except (ssl.SSLError, ConnectionError) as error:
        return str(error).encode()


def tls(folder):
    make_certificates(folder)
    path = lambda name: os.path.join(folder, name)
    server = Server(2000, 100, path("server.pem"), path("server.key"))
    got = curl(server, "--cacert", path("ca.pem"), "--data-binary", "@" + PROGRAM)
    size = os.path.getsize(PROGRAM)
    check(got.returncode == 0 and b"length=%d " % size in got.stdout, "curl got %r" % got)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        got = tls_with_ssl(server, path("ca.pem"), maximum_version=version, minimum_version=version)
        check(statuses(got) == [200], "%s got %r" % (version, got))
    with contextlib.suppress(ValueError):  # some builds of Python cannot do it at all
        old = tls_with_ssl(server, path("ca.pem"), minimum_version=ssl.TLSVersion.MINIMUM_SUPPORTED,
                           maximum_version=ssl.TLSVersion.TLSv1_1)
        check(statuses(old) == [], "TLS 1.1 is spoken")
    check(statuses(ask(server, GET)) == [], "plain HTTP is spoken where TLS is wanted")
    with server.connect() as silent:  # a handshake that does not come ends like a request
        silent.sendall(b"\x16\x03\x01")
        check(read_all(silent) == b"", "a silent handshake got an answer")
    # Files of tomorrow for those who come tomorrow; what is not good changes nothing.
    shutil.copy(path("stranger.pem"), path("server.pem"))
    check("is not the key" in server.again(), "a key of another certificate was taken")
    check(curl(server, "--cacert", path("ca.pem")).returncode == 0, "the old certificate is gone")
    shutil.copy(path("stranger.key"), path("server.key"))
    check(server.again() == "read again", "the files were not read again")
    check(curl(server, "--cacert", path("ca.pem")).returncode != 0, "the old certificate is still there")
    check(curl(server, "--cacert", path("other.pem")).returncode == 0, "the new certificate is not there")
    server.end()
    make_certificates(folder)
    server = Server(30000, 100, path("server.pem"), path("server.key"), path("ca.pem"))
    check(curl(server, "--cacert", path("ca.pem")).returncode != 0, "a client without a certificate was served")
    with_own = ["--cacert", path("ca.pem"), "--cert", path("client.pem"), "--key", path("client.key")]
    check(curl(server, *with_own).returncode == 0, "a client with a certificate was not served")
    for name, wanted in (("client", [200]), ("stranger", [])):
        got = tls_with_ssl(server, path("ca.pem"), path(name + ".pem"), path(name + ".key"))
        check(statuses(got) == wanted, "the %s got %r" % (name, got))
    server.end()


def main():
    slow_clients()
    more_callers_than_descriptors()
    callers_at_the_cap()
    smuggling()
    answers_survive()
    with tempfile.TemporaryDirectory() as folder:
        tls(folder)


main()
