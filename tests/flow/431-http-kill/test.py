"""Acknowledged is exactly once: the daemon is killed again and again (FLOW_SEED=n) while clients send with
Idempotency-Keys, and repeat until they are answered 202. One client sends without keys: what was acknowledged to it
must be there too."""
import http.client
import random
import socket
import threading
import time

KILLS = 20
CLIENTS = 4
LIMIT_S = 120


class Client(threading.Thread):
    """Sends requests of 1 to 20 records, one after the other, until told to stop."""

    def __init__(self, number, port, keyed, seed):
        super().__init__(daemon=True)
        self.number, self.port, self.keyed = number, port, keyed
        self.random = random.Random(seed)
        self.acknowledged, self.sent, self.ends = [], 0, False
        self.problem = None

    def once(self, body, key):
        headers = {"Content-Type": "application/x-ndjson"}
        if self.keyed:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (202, 429, 503):
                self.problem = "%d %s" % (answer.status, said)
            return answer.status == 202
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def run(self):
        while not self.ends and self.problem is None:
            names = ["%d/%d/%d" % (self.number, self.sent, i) for i in range(self.random.randint(1, 20))]
            body = "".join('{"id": "%s"}\n' % name for name in names)
            key = "client %d, request %d" % (self.number, self.sent)
            self.sent += 1
            end = time.monotonic() + LIMIT_S
            taken = self.once(body, key)
            while not taken and self.keyed and time.monotonic() < end:
                time.sleep(0.01)
                taken = self.once(body, key)
            if not taken and self.keyed:
                self.problem = "no answer for %s" % key
            elif taken:
                self.acknowledged += names
            else:
                time.sleep(0.01)


def test(case):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = lambda: case.start("run", case.pipeline, PORT=port)
    clients = [Client(i, port, i > 0, case.random.random()) for i in range(CLIENTS)]
    process = start()
    for client in clients:
        client.start()
    for kill in range(KILLS):
        time.sleep(case.random.uniform(0.02, 0.4))
        check(process.poll() is None, "the daemon ended by itself")
        process.kill()
        process.communicate()
        process = start()
    end = time.monotonic() + LIMIT_S
    before = [len(client.acknowledged) for client in clients]
    while any(len(client.acknowledged) == n for client, n in zip(clients, before)):  # it goes on
        check(time.monotonic() < end and not any(client.problem for client in clients),
              "nothing is acknowledged any more: %s" % [client.problem for client in clients])
        time.sleep(0.01)
    for client in clients:
        client.ends = True
    for client in clients:
        client.join(LIMIT_S)
        check(client.problem is None and not client.is_alive(), "client %d: %s" % (client.number, client.problem))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=LIMIT_S)
    check(process.returncode == 0, "status %d: %s" % (process.returncode, excerpt(err)))
    found = [record["id"] for record in records(read(case.path("out/out.ndjson")), "out.ndjson")]
    seen = set(found)
    for client in clients:
        missing = [name for name in client.acknowledged if name not in seen]
        check(not missing, "acknowledged and not there: %s" % missing[:10])
    for client in clients[1:]:
        mine = [name for name in found if name.startswith("%d/" % client.number)]
        check(sorted(mine) == sorted(client.acknowledged), "client %d: %d records for %d acknowledged"
              % (client.number, len(mine), len(client.acknowledged)))
    check(len(found) > 100, "only %d records" % len(found))
