"""The disk of the log fills up while clients send: they are told 429 or 503, never 202 for what is lost; when there is
room it goes on by itself, and all that was acknowledged is in the output once; also when the daemon is killed while the
disk is full, for then only what is in the log is left. Needs root, for a disk of its own."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, post, until

CLIENTS = 4
FILL = "x" * 2000


class Client(threading.Thread):
    """Sends one request after the other, each under its key until it is acknowledged."""

    def __init__(self, number, port):
        super().__init__(daemon=True)
        self.number, self.port = number, port
        self.acknowledged, self.answers, self.ends = [], [], False

    def run(self):
        request = 0
        while not self.ends:
            ids = ["%d/%d/%d" % (self.number, request, i) for i in range(20)]
            body = "".join('{"id":"%s","fill":"%s"}\n' % (one, FILL) for one in ids)
            while True:
                status, _ = post(self.port, body, key="%d-%d" % (self.number, request))
                self.answers.append(status)
                if status == 202:
                    self.acknowledged += ids
                    break
                time.sleep(0.01)
            request += 1


def mount(case):
    place = case.path("small")
    os.makedirs(place)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        raise Skipped("a tmpfs cannot be mounted: %s" % done.stderr.decode().strip())
    case.mounts.append(place)
    return place


def fill(path):
    """Somebody else's file, up to the last page."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (65536, 4096):
        try:
            while True:
                os.write(file, b"\0" * size)
        except OSError:
            pass
    os.close(file)


def life(case, place, killed):
    port, state = free_port(), os.path.join(place, "state-%s" % killed)
    ballast = os.path.join(place, "ballast")
    daemon = Daemon(case, case.pipeline, PORT=port, STATE=state)
    daemon.wait_said("http-listening")
    clients = [Client(number, port) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    taken = lambda: [client.answers.count(202) for client in clients]
    refused = lambda: [client.answers.count(429) + client.answers.count(503) for client in clients]
    more = lambda count, than, by: all(now > before + by for now, before in zip(count(), than))
    until(lambda: more(taken, [0] * CLIENTS, 2), "requests are taken")
    fill(ballast)
    daemon.wait_said("the log stands still")
    check("make room in %s" % place in daemon.said(), "where to make room is not said:\n%s" % daemon.said())
    until(lambda: more(refused, [0] * CLIENTS, 0), "clients are refused")
    before, again = taken(), refused()
    until(lambda: more(refused, again, 0), "clients are refused again")
    check(taken() == before, "202 while the log stands still")
    if killed:
        daemon.kill()
        os.unlink(ballast)
        daemon = Daemon(case, case.pipeline, PORT=port, STATE=state)
    else:
        os.unlink(ballast)
        daemon.wait_said("writing goes on")
    until(lambda: more(taken, before, 2), "it goes on")
    for client in clients:
        client.ends = True
    for client in clients:
        client.join(60)
        allowed = {202, 429, 503, 0} if killed else {202, 429, 503}
        check(not client.is_alive() and set(client.answers) <= allowed, "answers: %s" % set(client.answers))
    check(daemon.stop() == 0, "the exit status is not 0:\n%s" % daemon.said())
    got = [record["id"] for record in records(case.output()["out.ndjson"], "out.ndjson")]
    wanted = [one for client in clients for one in client.acknowledged]
    check(sorted(got) == sorted(wanted), "%d records were acknowledged, %d came, %d different ones; killed: %s"
          % (len(wanted), len(got), len(set(got)), killed))
    os.unlink(case.path("out", "out.ndjson"))
    subprocess.run(["rm", "-rf", state], check=True)


def test(case):
    place = mount(case)
    for killed in (False, True):
        life(case, place, killed)
