"""A port that somebody else has: at the start the pipeline that wants it is not opened, which is no harm to the others;
at a reload all stays as it was. Both times the address is named, and what to do."""
import http.client
import os
import shutil
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, post, until


def at_start(case):
    lines = b"".join(b'{"n":%d}\n' % n for n in range(1000))
    write(case.path("in", "lines.ndjson"), lines)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = case.run(os.path.join(case.folder, "conf"), PORT=port)
    check(result.status == 75, "the exit status is %d, not 75:\n%s" % (result.status, result.stderr))
    check(result.says("error: web: source in: cannot listen on 127.0.0.1:%d: .*stop the program that listens there, "
                      "or choose another address" % port), "what to do is not said:\n%s" % result.stderr)
    check(case.output()["copy.ndjson"] == lines and not case.output().get("web.ndjson"), "the other pipeline has not done its work")


def at_reload(case):
    conf, first = case.path("conf"), free_port()
    text = read(os.path.join(case.folder, "conf", "web.yaml")).decode()
    write(os.path.join(conf, "web.yaml"), text.replace("${PORT}", str(first)))
    daemon = Daemon(case, conf)
    daemon.wait_said("http-listening")
    kept = http.client.HTTPConnection("127.0.0.1", first, timeout=60)

    def send(number):
        kept.request("POST", "/", b'{"n":%d}\n' % number, {"Content-Type": "application/x-ndjson"})
        answer = kept.getresponse()
        answer.read()
        check(answer.status == 202 and not answer.will_close, "record %d on the old connection: %d" % (number, answer.status))

    send(0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        second = taken.getsockname()[1]
        write(os.path.join(conf, "web.yaml"), text.replace("${PORT}", str(second)))
        descriptors = daemon.descriptors()
        for number in range(1, 6):
            result = case.command("reload", conf)
            check(result.status == 78 and b"refused, the old configuration goes on" in result.stdout and
                  re.search(rb"web: source in: cannot listen on 127.0.0.1:%d: .*stop the program" % second, result.stdout),
                  "reload: status %d\n%s%s" % (result.status, result.stdout.decode(), result.stderr))
            send(number)
            check(post(first, b'{"n":%d}\n' % (100 + number))[0] == 202, "a new connection to the old port")
        daemon.wait_said("[reload-refused]", 1)
        until(lambda: daemon.descriptors() == descriptors, "refused reloads leave descriptors open")
    result = case.command("reload", conf)
    check(result.status == 0, "reload with the port free: status %d\n%s" % (result.status, result.stdout.decode()))
    check(post(second, b'{"n":1000}\n')[0] == 202, "the new port")
    until(lambda: post(first, b"{}\n")[0] == 0, "the old port is closed")
    check(daemon.stop() == 0, "the exit status is not 0:\n%s" % daemon.said())
    compare("web.ndjson", Unordered({"n": n} for n in [*range(6), *range(101, 106), 1000]),
            records(case.output()["web.ndjson"], "web.ndjson"))


def test(case):
    at_start(case)
    case.fresh()
    shutil.rmtree(case.path("in"))
    at_reload(case)
