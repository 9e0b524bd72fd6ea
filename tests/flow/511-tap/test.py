"""tidemark tap: what it shows are records that passed; nobody waits for who looks, however slowly."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import LIMIT_S, Daemon, free_port, until


def size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def test(case):
    port = free_port()
    out = case.path("out.ndjson")
    settings = dict(PORT=port, TOKEN="look", TIDEMARK_ADMIN_TOKEN="look")
    daemon = Daemon(case, case.pipeline, **settings)

    def tap(*arguments, **more):
        ran = subprocess.run([case.program, "tap", "--admin", "127.0.0.1:%d" % port, *arguments], timeout=LIMIT_S,
                             capture_output=True, env=case.environment(dict(settings, **more)), cwd=case.scratch)
        return ran.returncode, ran.stdout.decode(), ran.stderr.decode()

    until(lambda: size(out) > 0 or not daemon.alive(), "the first results")
    shown = {}
    for what, arguments in {"in": ["in"], "odd": ["tap/odd"], "out": ["out", "--every", "7"],
                            "repeated": ["once.duplicates"]}.items():
        status, lines, err = tap("--limit", "20", *arguments)
        check(status == 0, "%s: status %d: %s" % (what, status, err))
        shown[what] = [json.loads(line) for line in lines.splitlines()]
        check(len(shown[what]) == 20, "%s: %d lines" % (what, len(shown[what])))
    check(all(record["id"] % 2 for what in ("odd", "out", "repeated") for record in shown[what]), "an even one")
    check(any(record["id"] % 2 == 0 for record in shown["in"]), "in has odd ones only")

    for arguments, more, status, text in [
            (["none"], {}, 66, 'has no component "none"'), (["once.late"], {}, 66, 'has no output "late"'),
            (["other/in"], {}, 66, "no such pipeline"), (["in.errors"], {}, 66, "nobody reads in.errors"),
            (["in"], {"TIDEMARK_ADMIN_TOKEN": "guess"}, 77, "TIDEMARK_ADMIN_TOKEN"), ([], {}, 64, "a component is wanted"),
            (["in?limit=1"], {}, 64, "is no component's name")]:
        found, _, err = tap(*arguments, **more)
        check(found == status and text in err, "%s: status %d: %s" % (arguments, found, err))

    # One who reads nothing: the pipeline goes on, and the program does not keep what is not read.
    idle = socket.create_connection(("127.0.0.1", port))
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.sendall(b"GET /v1/tap/tap/in?limit=100000000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer look\r\n\r\n")
    before = size(out)
    until(lambda: size(out) > before + 200000 or not daemon.alive(), "results beside one who does not read")
    memory = daemon.memory_kib()
    check(memory < 200 * 1024 * (4 if "asan" in os.path.realpath(case.program) else 1), "%d KiB in memory" % memory)
    idle.close()

    # The end of the pipeline ends those who look; they have seen whole lines.
    looking = subprocess.Popen([case.program, "tap", "--limit", "100000000", "--admin", "127.0.0.1:%d" % port, "odd"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=case.environment(settings))
    check(looking.stdout.readline() != b"", "it shows nothing")
    daemon.signal(signal.SIGTERM)
    rest, err = looking.communicate(timeout=LIMIT_S)
    check(looking.returncode == 0, "status %d: %s" % (looking.returncode, err))
    check(all(json.loads(line)["id"] % 2 for line in rest.splitlines()), "a line is not whole")
    check(daemon.end() == 0, excerpt(daemon.said()))
    ids = {record["id"] for record in records(read(out), "out.ndjson")}
    check(all(record["id"] in ids for record in shown["out"]), "it shows what is not in the output")
