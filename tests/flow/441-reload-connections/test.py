"""What does not change keeps its connections over reloads: those of the senders to a socket, and that of the http sink
to its receiver. Lines on the way are neither lost nor doubled."""
import http.server
import json
import socket
import threading
import time

RELOADS = 10
LIMIT_S = 60


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.connections, self.bodies, self.lock = 0, [], threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self):
        self.connections += 1
        return super().get_request()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def test(case):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    config = case.path("connections.yaml")
    text = read(case.pipeline).decode().replace("${IN}", str(port)).replace("${OUT}", str(receiver.server_port))

    def configure(part):
        write(config, text.replace("${PART:-1}", str(part)))

    configure(1)
    with open(case.path("said"), "wb") as said:
        process = subprocess.Popen([case.program, "run", config], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                   env=case.environment({}), cwd=case.scratch)

    def wait(condition, what):
        end = time.monotonic() + LIMIT_S
        while not condition():
            check(time.monotonic() < end and process.poll() is None,
                  "%s does not come: %s" % (what, excerpt(read(case.path("said")))))
            time.sleep(0.005)

    def received():
        with receiver.lock:
            return [json.loads(line)["n"] for body in receiver.bodies for line in body.splitlines()]

    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            return None

    found = []
    wait(lambda: found or found.append(connect()) or found[0] or found.clear(), "the listener")
    sender, sent = found[0], 0
    for reload in range(RELOADS):
        half = b""
        for _ in range(200):
            sender.sendall(b'{"n":%d}\n' % sent)
            sent += 1
        sender.sendall(b'{"n":')  # a line in two, with the reload between
        wait(lambda: len(received()) >= sent, "what was sent")
        configure("1 * 1" if reload % 2 == 0 else "1")
        asked = subprocess.run([case.program, "reload", config], capture_output=True, timeout=LIMIT_S,
                               env=case.environment({}), cwd=case.scratch)
        check(asked.returncode == 0 and b"transform some: changed" in asked.stdout, "%s %s" % (asked.stdout, asked.stderr))
        sender.sendall(b"%d}\n" % sent)
        sent += 1
    wait(lambda: len(received()) >= sent, "all that was sent")
    check(received() == list(range(sent)), "not each once and in order")
    check(receiver.connections == 1, "%d connections to the receiver" % receiver.connections)
    sender.close()
    process.send_signal(signal.SIGTERM)
    check(process.wait(LIMIT_S) == 0, "status %d: %s" % (process.returncode, excerpt(read(case.path("said")))))
    receiver.shutdown()
