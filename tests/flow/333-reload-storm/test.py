"""500 SIGHUPs in about a second while records flow, the file being a valid one, another valid one and a wrong one in
turns: nothing is lost or doubled, the last valid file is in force at the end, and neither memory nor descriptors have
grown with the number of reloads."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, objects, post, until

SIGNALS = 500
EVERY_S = 0.002
WARM = 40
GROWTH_KIB_MAX = 3 << 10  # a configuration that is not freed is some 60 KiB a reload

HEAD = """pipeline: storm
state: {dir: %(dir)s/state}
log: {sync_interval: 1ms}
sources:
  in: {type: http, listen: "127.0.0.1:%(port)d"}
"""
PLAIN = HEAD + """sinks:
  out: {type: file, input: in, path: %(dir)s/out/out.ndjson}
"""
MORE = HEAD + """transforms:
  odd: {type: filter, input: in, where: n %% 2 = 1}
sinks:
  out: {type: file, input: in, path: %(dir)s/out/out.ndjson}
  odd_out: {type: file, input: odd, path: %(dir)s/out/odd.ndjson}
"""
LAST = HEAD + """sinks:
  out: {type: file, input: in, path: %(dir)s/out/out.ndjson}
  last: {type: file, input: in, path: %(dir)s/out/last.ndjson}
"""
WRONG = HEAD + """sinks:
  out: {type: file, input: nowhere, path: %(dir)s/out/out.ndjson}
"""


class Client(threading.Thread):
    def __init__(self, number, port):
        super().__init__(daemon=True)
        self.number, self.port, self.n, self.problem, self.ends = number, port, 0, None, False

    def run(self):
        while not self.ends and self.problem is None:
            body = b"".join(b'{"c":%d,"n":%d}\n' % (self.number, self.n + i) for i in range(10))
            status, said = post(self.port, body)
            if status != 202:
                self.problem = "%d %s" % (status, said)
            else:
                self.n += 10
            time.sleep(0.001)


def test(case):
    port, path = free_port(), case.path("storm.yaml")

    def configure(text):
        write(path + ".new", text % {"dir": case.scratch, "port": port})
        os.rename(path + ".new", path)

    def answers():
        """Reloads so far, done and refused, by the note that `tidemark reload` reads."""
        try:
            return int(read(case.path("state", "reload")).split()[2])
        except FileNotFoundError:
            return 0

    configure(PLAIN)
    daemon = Daemon(case, path)
    daemon.wait_said("http-listening")
    clients = [Client(number, port) for number in range(2)]
    for client in clients:
        client.start()
    for i in range(WARM):
        configure((PLAIN, MORE)[i % 2])
        daemon.signal(signal.SIGHUP)
        until(lambda: answers() > i, "reload %d is answered" % i)
    configure(PLAIN)
    daemon.signal(signal.SIGHUP)
    until(lambda: answers() > WARM, "the last of them is answered")
    descriptors, memory, begun = daemon.descriptors(), daemon.memory_kib(), answers()
    for i in range(SIGNALS):
        configure((PLAIN, WRONG, MORE)[i % 3])
        daemon.signal(signal.SIGHUP)
        time.sleep(EVERY_S)
        check(daemon.alive(), "it ended:\n%s" % daemon.said()[-3000:])
    configure(LAST)
    daemon.signal(signal.SIGHUP)
    until(lambda: os.path.exists(case.path("out", "last.ndjson")), "the last valid file is in force")
    until(lambda: b" ok\n" in read(case.path("state", "reload")), "its answer")  # written behind the switch
    configure(WRONG)
    daemon.signal(signal.SIGHUP)
    until(lambda: b" refused\n" in read(case.path("state", "reload")), "the wrong file is refused")
    check(post(port, b'{"c":9,"n":0}\n')[0] == 202, "it does not take records any more")
    until(lambda: b'{"c":9,' in read(case.path("out", "last.ndjson")), "the last valid file stays in force")
    for client in clients:
        client.ends = True
    for client in clients:
        client.join(60)
        check(client.problem is None and client.n > 0, "client %d: %s" % (client.number, client.problem))
    until(lambda: daemon.descriptors() <= descriptors + 2, "descriptors are closed (one sink more than before)")
    grown = daemon.memory_kib() - memory
    print("%d signals, %d reloads; memory grew by %d KiB of %d" % (SIGNALS, answers() - begun, grown, memory))
    if b"__asan_init" not in read(case.program):  # which keeps what is freed for a while
        check(grown < GROWTH_KIB_MAX, "memory grew by %d KiB" % grown)
    check(daemon.stop() == 0, "the exit status is not 0:\n%s" % daemon.said()[-3000:])
    got = objects(case.output()["out.ndjson"])
    for client in clients:
        mine = [record["n"] for record in got if record["c"] == client.number]
        check(mine == list(range(client.n)), "client %d: %d of %d records, or not in order" % (client.number, len(mine), client.n))
