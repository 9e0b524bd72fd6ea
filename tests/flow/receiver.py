"""A receiver for the sink `http`: it notes every request by its Idempotency-Key, and misbehaves."""
import gzip
import http.server
import random
import ssl
import threading

REFUSED = b'"bad":true'


class Receiver:
    """trouble: share of the requests to which something happens; kinds: which of Handler's, by default all. handler:
    Handler, or what is made of it."""

    def __init__(self, seed=1, trouble=0.0, kinds=None, tls=None, handler=None):
        self.random = random.Random(seed)
        self.trouble = trouble
        self.kinds = kinds or [name for name in dir(Handler) if name.startswith("trouble_")]
        self.lock = threading.Lock()
        self.bodies = {}      # by key: what came first
        self.taken = {}       # by key: bodies for which this end has done its work
        self.faults = []      # of the sender
        self.asked = self.again = self.busy = self.busy_most = 0
        self.happened = set()
        self.heads = []
        self.closing = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler or Handler)
        self.http.daemon_threads = True
        self.http.receiver = self
        self.scheme = "http"
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d/in" % (self.scheme, self.http.server_address[1])

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def note(self, key, body):
        with self.lock:
            self.asked += 1
            if key in self.bodies:
                self.again += 1
                if self.bodies[key] != body:
                    self.faults.append("%s came with other bytes" % key)
            self.bodies.setdefault(key, body)

    def take(self, key, body):
        with self.lock:
            self.taken[key] = body

    def draw(self):
        with self.lock:
            if self.random.random() >= self.trouble:
                return None
            kind = self.random.choice(self.kinds)
            self.happened.add(kind)
            return kind

    def lines(self):
        """Lines of all that was taken, a key once."""
        return [line for body in self.taken.values() for line in body.splitlines()]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for the acknowledgement of the first

    def log_message(self, *arguments):
        pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            pass  # the sender was killed, or had enough

    def finish(self):
        try:
            super().finish()
        except (OSError, ssl.SSLError):
            pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        receiver = self.server.receiver
        with receiver.lock:
            receiver.busy += 1
            receiver.busy_most = max(receiver.busy_most, receiver.busy)
        try:
            self.serve(receiver)
        finally:
            with receiver.lock:
                receiver.busy -= 1

    def serve(self, receiver):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        receiver.heads.append(dict(self.headers))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        key = self.headers["Idempotency-Key"]
        receiver.note(key, body)
        kind = receiver.draw()
        if kind:
            getattr(self, kind)(receiver, key, body)
        elif REFUSED in body:
            self.answer(400, b"there is something bad\nin it")
        else:
            receiver.take(key, body)
            self.answer(200, b"thank you")

    def taken(self, receiver, key, body):
        if REFUSED not in body:
            receiver.take(key, body)

    def trouble_500(self, receiver, key, body):
        self.answer(500, b"<html>oops")

    def trouble_503_after(self, receiver, key, body):
        self.answer(503, headers=[("Retry-After", "0")])

    def trouble_429(self, receiver, key, body):
        self.answer(429, headers=[("Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT")])

    def trouble_close(self, receiver, key, body):
        self.close_connection = True

    def trouble_close_when_done(self, receiver, key, body):
        self.taken(receiver, key, body)
        self.close_connection = True

    def trouble_half(self, receiver, key, body):
        self.taken(receiver, key, body)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")
        self.close_connection = True

    def trouble_hang(self, receiver, key, body):
        self.taken(receiver, key, body)
        receiver.closing.wait(2)
        self.close_connection = True

    def trouble_garbage(self, receiver, key, body):
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        self.close_connection = True

    def trouble_headers(self, receiver, key, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Long: 0123456789\r\n" * 10000)
        self.close_connection = True

    def trouble_endless(self, receiver, key, body):
        if REFUSED in body:
            self.answer(502)
            return
        receiver.take(key, body)
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not receiver.closing.is_set():
            self.wfile.write(b"more and more " * 1000)  # until the other end has enough
