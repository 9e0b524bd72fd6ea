"""Reloads under load: clients post some 20,000 records a second while the configuration changes 200 times (valid and
invalid, components added, changed and removed, drawn from FLOW_SEED=n). Every acknowledged record is in the output
once, no connection is refused or cut, and an invalid configuration changes nothing. Then a kill in the middle of reloads:
the next start, with whichever file is there, goes on rightly."""
import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import free_port

RELOADS = 200
CLIENTS = 4
LINES = 100
EVERY_S = 0.02  # a request of LINES records by each client: 20,000 records/s, on a machine that has time for it
BETWEEN = 1000  # records from one reload to the next
LIMIT_S = 300

HEAD = """pipeline: reload
state: {dir: %(dir)s/state}
log: {sync_interval: 2ms}
sources:
  requests: {type: http, listen: "127.0.0.1:%(port)d"%(options)s}
"""

# name, what makes it, whether it can be. out has every record in each of the valid ones.
VARIANTS = [
    ("plain", "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n", True),
    ("a transform and a sink more",
     "transforms:\n  odd: {type: filter, input: requests, where: n %% 2 = 1}\n"
     "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n"
     "  odd_out: {type: file, input: odd, path: %(dir)s/odd.ndjson}\n", True),
    ("a transform with state in front of the sink",
     "transforms:\n  once: {type: dedup, input: requests, key: id, ttl: 1h}\n"
     "sinks:\n  out: {type: file, input: once, path: %(dir)s/out.ndjson}\n", True),
    ("its lifetime", "transforms:\n  once: {type: dedup, input: requests, key: id, ttl: 2h}\n"
     "sinks:\n  out: {type: file, input: once, path: %(dir)s/out.ndjson}\n", True),
    ("another source on another port",
     "  more: {type: http, listen: \"127.0.0.1:%(other)d\"}\n"
     "sinks:\n  out: {type: file, input: [requests, more], path: %(dir)s/out.ndjson}\n", True),
    ("settings", "workers: 1\nepoch: {bytes: 128KiB}\ncheckpoint: {interval: 200ms}\n"
     "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n", True),
    ("an admin port", "admin: {listen: \"127.0.0.1:%(admin)d\"}\n"
     "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n", True),
    ("an admin port in use", "admin: {listen: \"127.0.0.1:%(taken)d\"}\n"
     "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n", False),
    ("a folder that is a file", "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n"
     "  two: {type: file, input: requests, path: %(dir)s/reload.yaml/out.ndjson}\n", False),
    ("no yaml", "sinks: [\n", False),
    ("an unknown input", "sinks:\n  out: {type: file, input: request, path: %(dir)s/out.ndjson}\n", False),
    ("a port in use", "  more: {type: http, listen: \"127.0.0.1:%(taken)d\"}\n"
     "sinks:\n  out: {type: file, input: [requests, more], path: %(dir)s/out.ndjson}\n", False),
    ("another number of shards", "shards: 7\n"
     "sinks:\n  out: {type: file, input: requests, path: %(dir)s/out.ndjson}\n", False),
]


class Client(threading.Thread):
    """Posts on one connection that is never cut, and remembers what was acknowledged."""

    def __init__(self, number, port):
        super().__init__(daemon=True)
        self.number, self.port = number, port
        self.acknowledged, self.problem, self.ends = 0, None, False

    def run(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
            due = time.monotonic()
            while not self.ends:
                first = self.acknowledged
                body = "".join('{"id":"%d/%d","n":%d}\n' % (self.number, n, n) for n in range(first, first + LINES))
                connection.request("POST", "/", body, {"Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 202 or answer.getheader("Connection", "").lower() == "close":
                    self.problem = "%d %s" % (answer.status, said)
                    return
                self.acknowledged += LINES
                due += EVERY_S
                time.sleep(max(0, due - time.monotonic()))
        except (OSError, http.client.HTTPException) as problem:
            self.problem = repr(problem)


def configure(case, path, variant, ports, options=""):
    text = (HEAD + variant[1]) % dict(ports, dir=case.scratch, options=options)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def start(case, config):
    """What it says goes to a file: nobody reads a pipe here."""
    with open(case.path("said"), "ab") as said:
        return subprocess.Popen([case.program, "run", config], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                env=case.environment({}), cwd=case.scratch)


def ended_well(case, process):
    process.send_signal(signal.SIGTERM)
    process.wait(LIMIT_S)
    check(process.returncode == 0, "status %d: %s" % (process.returncode, excerpt(read(case.path("said"))[-3000:])))


def note(case):
    try:
        with open(case.path("state/reload")) as file:
            words = file.readline().split()
            return int(words[2]), words[4], file.read()
    except (OSError, IndexError, ValueError):
        return 0, "", ""


def reload(case, process, clients):
    """Asks, and waits for what became of it."""
    before = note(case)[0]
    process.send_signal(signal.SIGHUP)
    end = time.monotonic() + LIMIT_S
    while note(case)[0] == before:
        problem = [client.problem for client in clients if client.problem]
        check(not problem, "a client was not served: %s" % problem)
        check(process.poll() is None, "the daemon ended")
        check(time.monotonic() < end, "no answer to a reload")
        time.sleep(0.002)
    return note(case)


def acknowledged_once(case, clients):
    """Per client what was acknowledged, all of it, once and in order; at a kill maybe one request more."""
    seen = {client.number: 0 for client in clients}
    for record in records(read(case.path("out.ndjson")), "out.ndjson"):
        number, n = (int(part) for part in record["id"].split("/"))
        check(n == seen[number], "client %d: record %d where %d is due" % (number, n, seen[number]))
        seen[number] += 1
    return seen


def test(case):
    ports = {name: free_port() for name in ("port", "other", "admin")}
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    ports["taken"] = taken.getsockname()[1]
    config = case.path("reload.yaml")
    configure(case, config, VARIANTS[0], ports)
    process = start(case, config)
    end = time.monotonic() + LIMIT_S
    while True:  # it listens
        try:
            socket.create_connection(("127.0.0.1", ports["port"])).close()
            break
        except OSError:
            check(time.monotonic() < end and process.poll() is None, "it does not start")
            time.sleep(0.01)
    clients = [Client(i, ports["port"]) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    done, taken_s, began = {True: 0, False: 0}, 0, time.monotonic()
    for i in range(RELOADS):
        wanted = sum(client.acknowledged for client in clients) + BETWEEN
        while sum(client.acknowledged for client in clients) < wanted:
            check(not any(client.problem for client in clients) and process.poll() is None, "clients are not served")
            time.sleep(0.002)
        variant = VARIANTS[case.random.randrange(len(VARIANTS))]
        options = case.random.choice(["", ", max_body: 1MiB", ", queue: 8MiB, max_connections: 50"])
        configure(case, config, variant, ports, options)
        asked = time.monotonic()
        number, became, text = reload(case, process, clients)
        taken_s += time.monotonic() - asked
        check(became == ("ok" if variant[2] else "refused"), "reload %d, %s: %s: %s" % (i, variant[0], became, text))
        done[variant[2]] += 1
        if variant[0].endswith("port in use"):
            check("127.0.0.1:%d" % ports["taken"] in text, "it does not name the port: %s" % text)
        if variant[0] == "an admin port":
            with urllib.request.urlopen("http://127.0.0.1:%d/readyz" % ports["admin"], timeout=LIMIT_S) as answer:
                check(answer.status == 200, "it is not ready: %d" % answer.status)
    rate = sum(client.acknowledged for client in clients) / (time.monotonic() - began)
    for client in clients:
        client.ends = True
    for client in clients:
        client.join(LIMIT_S)
        check(client.problem is None and not client.is_alive(), "client %d: %s" % (client.number, client.problem))
    ended_well(case, process)
    seen = acknowledged_once(case, clients)
    for client in clients:
        check(seen[client.number] == client.acknowledged,
              "client %d: %d acknowledged, %d in the output" % (client.number, client.acknowledged, seen[client.number]))
    print("%d reloads done, %d refused, %.0f ms each; %d records acknowledged, %.0f/s" %
          (done[True], done[False], 1000 * taken_s / RELOADS, sum(seen.values()), rate))

    # Killed in the middle of reloads: what was acknowledged is there, whichever configuration comes next.
    valid = [variant for variant in VARIANTS if variant[2]]
    for life in range(5):
        shutil.rmtree(case.path("state"))
        os.unlink(case.path("out.ndjson"))
        configure(case, config, VARIANTS[0], ports)
        process = start(case, config)
        end = time.monotonic() + LIMIT_S
        while note(case)[0] == 0 and not os.path.exists(case.path("state/in-force")):
            check(time.monotonic() < end, "it does not start")
            time.sleep(0.01)
        clients = [Client(i, ports["port"]) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        for i in range(case.random.randrange(1, 6)):
            configure(case, config, case.random.choice(valid), ports)
            reload(case, process, clients)
        configure(case, config, case.random.choice(valid), ports)
        process.send_signal(signal.SIGHUP)
        time.sleep(case.random.uniform(0, 0.05))
        process.kill()
        process.wait(LIMIT_S)
        for client in clients:
            client.join(LIMIT_S)
        process = start(case, config)
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", ports["port"])).close()
                break
            except OSError:
                check(time.monotonic() < end and process.poll() is None, "it does not come back")
                time.sleep(0.01)
        ended_well(case, process)
        seen = acknowledged_once(case, clients)
        for client in clients:
            more = seen[client.number] - client.acknowledged
            check(more in (0, LINES), "client %d: %d acknowledged, %d in the output" %
                  (client.number, client.acknowledged, seen[client.number]))
