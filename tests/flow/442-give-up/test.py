"""A sink whose server never answers: a reload that changes it is refused and says which command gives up what it owes;
that command, as it was printed, makes the change, and what was given up is said, counted and in the log. The same with
`run --give-up` after a kill. And whatever is wrong with the file, it is the daemon that answers."""
import os
import shlex
import socket
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, objects, post, until

TEXT = """pipeline: bills
state: {dir: %(dir)s/state}
admin: {listen: "127.0.0.1:%(admin)d"}
drain_timeout: 300ms
sources:
  in: {type: http, listen: "127.0.0.1:%(port)d"}
sinks:
  out: {type: file, input: in, path: %(dir)s/out.ndjson}
  web: %(web)s
"""
TO_SERVER = "{type: http, input: in, url: \"http://127.0.0.1:%d/\", timeout: 200ms, retry: {initial: 10ms, max: 50ms}}"
TO_FILE = "{type: file, input: in, path: %s}"


def figure(port, name):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and 'component="web"' in line)


def test(case):
    config = case.path("a place", "bills.yaml")
    os.makedirs(case.path("a place"))
    places = {"dir": case.scratch, "port": free_port(), "admin": free_port()}

    def configure(web):
        write(config + ".new", TEXT % dict(places, web=web))
        os.rename(config + ".new", config)

    def post_all(first, n):
        for number in range(first, first + n):
            status, said = post(places["port"], '{"n":%d}\n' % number)
            check(status == 202, "record %d: %d %s" % (number, status, said))

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # connections are taken by the system, and nobody ever reads
        configure(TO_SERVER % silent.getsockname()[1])
        daemon = Daemon(case, config)
        daemon.wait_said("[http-listening]")
        post_all(0, 5)

        configure(TO_FILE % case.path("web.ndjson"))
        refused = case.command("reload", config)
        check(refused.status == 78 and b"refused" in refused.stdout, "%s %s" % (refused.stdout, refused.stderr))
        check(b"sink web owes what it was given of epochs" in refused.stdout and b": 5 records" in refused.stdout,
              refused.stdout)
        way_out = next(line for line in refused.stdout.decode().splitlines() if "tidemark reload --give-up" in line)
        command = shlex.split(way_out[way_out.index("tidemark reload"):])
        done = case.command(*command[1:])
        check(done.status == 0, "%s: %s %s" % (command, done.stdout, done.stderr))
        check(b"sink web: given up as asked" in done.stdout and b", 5 records" in done.stdout, done.stdout)
        check(daemon.said().count("[sink-gave-up]") == 1, daemon.said())
        post_all(5, 5)
        until(lambda: os.path.exists(case.path("web.ndjson")) and read(case.path("web.ndjson")).count(b"\n") == 5,
              "the new sink has what came behind it")

        # No pipeline can be read out of this; the daemon is found and asked all the same.
        write(config, "sinks: [\n  {")
        wrong = case.command("reload", config)
        check(wrong.status == 78 and wrong.stdout.startswith(b"reload refused") and b"^" in wrong.stdout,
              "%d %s %s" % (wrong.status, wrong.stdout, wrong.stderr))
        check(daemon.said().count("[reload-refused]") == 2, daemon.said())

        # Held up again, and killed: the old configuration cannot finish, and the start is told.
        configure(TO_SERVER % silent.getsockname()[1])
        check(case.command("reload", config).status == 0, daemon.said())
        post_all(10, 3)
        daemon.kill()
        configure(TO_FILE % case.path("web2.ndjson"))
        daemon = Daemon(case, "--give-up", "web", config)
        daemon.wait_said("[sink-gave-up]")
        check("of epochs" in daemon.said() and ", 3 records" in daemon.said(), daemon.said())
        daemon.wait_said("[http-listening]")
        post_all(13, 2)
        check(figure(places["admin"], "tidemark_sink_given_up_records_total") == 0, "it is another sink now")
        check(daemon.stop() == 0, daemon.said())
    wrong = case.command("reload", config)
    check(wrong.status == 75 and "none of its pipelines is running" in wrong.stderr, wrong.stderr)
    numbers = {name: [record["n"] for record in objects(read(case.path(name)))]
               for name in ("out.ndjson", "web.ndjson", "web2.ndjson")}
    check(numbers == {"out.ndjson": list(range(15)), "web.ndjson": list(range(5, 10)), "web2.ndjson": [13, 14]},
          str(numbers))
    log = case.command("wal", "dump", case.path("state"))
    check(log.stdout.count(b"sink web was let off epochs") == 2, log.stdout[-2000:])
