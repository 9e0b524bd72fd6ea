"""What does not change keeps its connections over reloads: those of the senders to a socket, and that of the http sink
to its receiver. Lines on the way are neither lost nor doubled."""
import http.server
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import LIMIT_S, Daemon, free_port, until

RELOADS = 10


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
    port = free_port()
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    config = case.path("connections.yaml")
    text = read(case.pipeline).decode().replace("${IN}", str(port)).replace("${OUT}", str(receiver.server_port))

    def configure(part):
        write(config, text.replace("${PART:-1}", str(part)))

    configure(1)
    daemon = Daemon(case, config)

    def wait(condition, what):
        until(lambda: condition() or not daemon.alive(), what)
        check(daemon.alive(), "%s does not come: %s" % (what, excerpt(daemon.said())))

    def received():
        with receiver.lock:
            return [json.loads(line)["n"] for body in receiver.bodies for line in body.splitlines()]

    daemon.wait_said("[socket-opened]")
    sender, sent = socket.create_connection(("127.0.0.1", port)), 0
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
    check(daemon.stop() == 0, excerpt(daemon.said()))
    receiver.shutdown()
