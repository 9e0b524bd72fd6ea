"""The admin port of a running daemon: who may ask, both formats of metrics as the official parsers and promtool read
them, every figure against a plain computation, the JSON pages, and the commands that ask for them."""
import json
import math
import os
import pty
import random
import select
import shutil
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

TOKEN, MARK = "token-nobody-may-see", "mark-nobody-may-see"
PLAIN, OPEN = "text/plain; version=0.0.4; charset=utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8"
# As Prometheus 2 and 3 ask.
WANTS_OPEN = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


class Daemon:
    def __init__(self, case, *options):
        self.said, self.address = [], None
        self.process = case.start("run", *options, case.path("watched.yaml"), stdin=subprocess.PIPE, WORKERS=2)
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.said.append(line.decode())
            found = re.search(r"the admin port is (\S+)", self.said[-1])
            if found:
                self.address = found.group(1)
            if "reading the standard input" in self.said[-1]:
                self.ready.set()
        self.ready.set()

    def get(self, path, token=TOKEN, method="GET", **headers):
        """Status, headers, body."""
        request = urllib.request.Request("http://%s%s" % (self.address, path), method=method)
        for name, value in headers.items():
            request.add_header(name, value)
        if token is not None:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, path):
        status, headers, body = self.get(path)
        check(status == 200 and headers["Content-Type"] == "application/json", "%s: %d %s" % (path, status, headers))
        return json.loads(body)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(60) == 0, "its status is %d:\n%s" % (self.process.returncode, "".join(self.said)))
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


def made_input():
    """Lines, and what becomes of them by a plain computation."""
    rng, lines, lateness, newest = random.Random(11), [], [], None
    facts = {"in": 0, "bad": 0, "small": 0, "rest": 0}
    seen = set()
    for i in range(6000):
        facts["in"] += 1
        if i % 211 == 0:
            lines.append('{"broken":')
            facts["bad"] += 1
            continue
        late = rng.expovariate(1 / 0.05) if rng.random() < 0.6 else 0
        at = 1767225600000 + i * 10 - int(late * 1000) - (7000 if rng.random() < 0.002 else 0)
        row = {"id": i if rng.random() < 0.9 else rng.randrange(i + 1), "at": at, "v": rng.randrange(1000), "k": i % 7}
        lines.append(json.dumps(row))
        lateness.append(max(0, newest - at) if newest is not None else 0)
        newest = at if newest is None else max(newest, at)
        if row["v"] < 500:
            facts["small"] += 1
            seen.add(row["id"])
        else:
            facts["rest"] += 1
    facts["once"] = len(seen)
    facts["bytes"] = len("\n".join(lines)) + 1
    return "\n".join(lines) + "\n", facts, sorted(lateness)


def exact(lateness, share):
    return lateness[max(0, math.ceil(share * len(lateness)) - 1)] / 1000


def wait_for(condition, what):
    until = time.monotonic() + 60
    while not condition():
        check(time.monotonic() < until, "not within a minute: %s" % what)
        time.sleep(0.02)


def components(daemon):
    return {"%s %s" % (one["kind"], one["name"]): one for one in daemon.json("/v1/pipelines/watched")["components"]}


# ------------------------------------------------------------------ the parts


def who_may_ask(daemon):
    for path in ("/metrics", "/v1", "/v1/pipelines", "/v1/pipelines/watched", "/nothing"):
        for token in (None, "", TOKEN[:-1], TOKEN + "x"):
            status, headers, _ = daemon.get(path, token)
            check(status == 401 and headers["WWW-Authenticate"].startswith("Bearer"),
                  "%s with the token %r: %d" % (path, token, status))
    for path, text in (("/healthz", b"ok\n"), ("/readyz", b"ready\n")):
        status, _, body = daemon.get(path, None)
        check((status, body) == (200, text), "%s: %d %r" % (path, status, body))
    for path in ("/", "/metrics/", "/v2", "/v1/pipelines/other", "/v1/pipelines/watched/x", "/healthz/x"):
        check(daemon.get(path)[0] == 404, "%s is not 404" % path)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, headers, _ = daemon.get("/metrics", method=method)
        check(status == 405 and headers["Allow"] == "GET, HEAD", "%s: %d" % (method, status))
    check(daemon.get("/metrics", method="HEAD")[0::2] == (200, b""), "HEAD")


def python_with_parsers():
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import prometheus_client"], capture_output=True).returncode == 0:
            return python
    raise Skipped("there is no python3-prometheus-client")


def formats_are_right(case, daemon):
    """The samples of both: {(name, labels): value}."""
    scrapes = []
    for kind, accept, wanted in (("prometheus", "*/*", PLAIN), ("prometheus", "", PLAIN), ("openmetrics", WANTS_OPEN, OPEN)):
        status, headers, body = daemon.get("/metrics", Accept=accept)
        check(status == 200 and headers["Content-Type"] == wanted, "Accept %s: %d %s" % (accept, status, headers["Content-Type"]))
        parsed = subprocess.run([python_with_parsers(), "-B", os.path.join(case.folder, "parse.py"), kind], input=body,
                                capture_output=True)
        check(parsed.returncode == 0, "the official parser refuses %s:\n%s" % (kind, parsed.stderr.decode()))
        scrapes.append((body.decode(), json.loads(parsed.stdout)))
    check(shutil.which("promtool") is not None, "there is no promtool (Debian's package prometheus)")
    lint = subprocess.run(["promtool", "check", "metrics"], input=scrapes[0][0].encode(), capture_output=True)
    check(lint.returncode == 0 and not lint.stderr and not lint.stdout, "promtool: %s%s" % (lint.stdout.decode(), lint.stderr.decode()))
    names = [{(sample[0], tuple(sorted(sample[1].items()))) for sample in samples} for _, samples in scrapes]
    check(names[0] == names[2], "the formats have other series: %s" % sorted(names[0] ^ names[2])[:5])
    for name, labels, _, kind, _ in scrapes[2][1]:
        check(kind in ("counter", "gauge", "histogram"), "%s is of type %s" % (name, kind))
        check(name.startswith("process_") or labels.get("pipeline", "watched") == "watched", "%s of another pipeline" % name)
    return scrapes


def documented(case, samples):
    reference = case.command("list", "--reference").stdout.decode()
    rows = dict(re.findall(r"(?m)^\| `((?:tidemark|process)_[a-z_]+)` \| (.*) \|$", reference))
    check(len(rows) > 50, "the reference has %d metrics" % len(rows))
    for name, _, _, kind, _ in samples:
        family = re.sub("_(bucket|sum|count)$", "", name) if kind == "histogram" else name
        check(rows.get(family, "").startswith(kind), "the reference says of %s: %s" % (family, rows.get(family)))


def figures_are_right(daemon, samples, facts, lateness):
    def value(name, component, **labels):
        labels.update(pipeline="watched", component=component)
        found = [sample[2] for sample in samples if sample[0] == "tidemark_" + name and sample[1] == labels]
        check(len(found) == 1, "%d samples of %s %s" % (len(found), name, labels))
        return found[0]

    for wanted, got in (
            (facts["in"], value("records_in_total", "lines")),
            (facts["bytes"], value("read_bytes_total", "lines")),
            (facts["in"] - facts["bad"], value("records_out_total", "lines", port="main")),
            (facts["bad"], value("records_out_total", "lines", port="errors")),
            (facts["bad"], value("errors_total", "lines", code="json.syntax")),
            (facts["small"], value("records_out_total", "parts", port="small")),
            (facts["rest"], value("records_out_total", "parts", port="rest")),
            (facts["small"] - facts["once"], value("duplicate_records_total", "once")),
            (facts["once"], value("state_keys", "once")),
            (value("records_out_total", "counts", port="late"), value("late_records_total", "counts")),
            (1, value("source_partitions", "lines", state="active"))):
        check(wanted == got, "%s, not %s" % (got, wanted))
    known = components(daemon)
    for share in ("0.5", "0.99", "0.999", "0.9999", "1"):
        wanted = exact(lateness, float(share))
        for got in (value("source_lateness_seconds", "lines", share=share),
                    known["source lines"]["lateness"]["shares"][share]):
            check(wanted <= got <= wanted * 1.04 + 1e-6, "share %s in time: %s, exactly %s" % (share, got, wanted))
    check(known["source lines"]["lateness"]["records"] == len(lateness), "lateness of other records")


def pages_are_right(daemon, facts):
    v1 = daemon.json("/v1")
    check(v1["ready"] is True and v1["pipelines"] == ["watched"] and v1["uptime_seconds"] > 0 and v1["reload"] is None, v1)
    line = daemon.json("/v1/pipelines")["pipelines"]
    check(len(line) == 1 and line[0]["name"] == "watched" and line[0]["state"] == "running", line)
    known = components(daemon)
    check(sorted(known) == ["sink bad", "sink large", "sink late", "sink totals", "sink unique", "source lines",
                            "transform counts", "transform marked", "transform once", "transform parts"], sorted(known))
    source = known["source lines"]
    check(source["type"] == "stdin" and source["partitions"]["total"] == 1 and
          source["partitions"]["first"][0]["position"] == facts["bytes"], source)
    check(known["transform once"]["inputs"] == ["parts.small"] and known["transform once"]["state_keys"] == facts["once"],
          known["transform once"])
    check(known["sink large"]["records_delivered"] == facts["rest"], known["sink large"])


def commands_are_right(case, daemon, facts, lateness):
    os.environ["TIDEMARK_ADMIN_TOKEN"] = TOKEN
    admin = ("--admin", daemon.address)
    top = case.command("top", *admin)
    check(top.status == 0 and re.search(rb"(?m)^watched  running  in ", top.stdout), "top: %s" % (top.stdout + top.stderr.encode()))
    check(re.search(rb"(?m)^  lines +source/stdin .* %d +0  1 partition$" % facts["bad"], top.stdout), "top: %s" % top.stdout.decode())
    check(case.command("top", "--once", *admin, "watched").status == 0, "top of one")
    check(case.command("top", "--once", *admin, "other").status == 66, "top of one that is not there")
    said = case.command("lateness", *admin).stdout.decode()
    check("watched: source lines: %d records; max_lateness is 2s\n" % len(lateness) in said, said)
    for shown, share in (("99 %", 0.99), ("99.9 %", 0.999), ("99.99 %", 0.9999), ("all", 1)):
        found = re.search(r"(?m)^  %s +in time with max_lateness: (?:(\d+)s)?(?:(\d+)ms)?(?:(\d+)us)?$" % re.escape(shown), said)
        check(found, "%s is not in:\n%s" % (shown, said))
        got = sum(int(number or 0) * unit for number, unit in zip(found.groups(), (1, 1e-3, 1e-6)))
        wanted = exact(lateness, share)
        check(wanted <= got <= wanted * 1.05 + 1e-6, "%s: %s, exactly %s" % (shown, got, wanted))
    check(case.command("lateness", *admin, "other").status == 66, "lateness of one that is not there")
    os.environ["TIDEMARK_ADMIN_TOKEN"] = "wrong"
    check(case.command("top", "--once", *admin).status == 77, "top with a wrong token")
    os.environ["TIDEMARK_ADMIN_TOKEN"] = TOKEN
    check(case.command("top", "--once", "--admin", "127.0.0.1:1").status == 75, "top where nobody listens")


def top_on_a_terminal(case, daemon):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([case.program, "top", "--every", "100ms", "--admin", daemon.address], stdin=subprocess.DEVNULL,
                               stdout=theirs, stderr=theirs, env=dict(os.environ, TIDEMARK_ADMIN_TOKEN=TOKEN))
    os.close(theirs)
    seen, until = b"", time.monotonic() + 30
    while seen.count(b"\033[H") < 3 and time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            seen += os.read(ours, 65536)
    check(seen.count(b"\033[H") >= 3 and seen.count(b"watched  running") >= 2, "top on a terminal: %r" % seen)
    process.send_signal(signal.SIGINT)
    check(process.wait(30) == 0, "top: SIGINT gives %d" % process.returncode)
    os.close(ours)


def reloads_are_shown(case, daemon):
    text = read(case.pipeline).decode()
    for number, (changed, result) in enumerate((
            (text.replace("v < 500", "v < 100"), "done"),
            (text.replace("v < 500", "v <"), "refused"),
            (text.replace("  large: {type: blackhole, input: parts.rest}\n", ""), "done"))):
        write(case.path("watched.yaml"), changed)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: (daemon.json("/v1")["reload"] or {"done": 0, "refused": 0}).get("done", 0) +
                 (daemon.json("/v1")["reload"] or {"refused": 0})["refused"] == number + 1, "reload %d has ended" % number)
        last = daemon.json("/v1")["reload"]
        check(last["result"] == result and (last["why"] is None) == (result == "done"), last)
        wait_for(lambda: daemon.get("/readyz", None)[0] == 200, "ready after reload %d" % number)
        check(daemon.get("/metrics")[0] == 200 and len(components(daemon)) == (9 if number == 2 else 10), "after %s" % last)
    scrape = daemon.get("/metrics")[2].decode()
    for line in ('tidemark_reloads_total{result="done"} 2', 'tidemark_reloads_total{result="refused"} 1'):
        check(line in scrape.splitlines(), "%s is not in the scrape" % line)


def secrets_are_kept(case, daemon, scrapes):
    shown = "".join(text for text, _ in scrapes) + "".join(daemon.said)
    for path in ("/v1", "/v1/pipelines", "/v1/pipelines/watched", "/healthz", "/readyz", "/nothing"):
        shown += daemon.get(path)[2].decode()
    shown += case.command("top", "--once", "--admin", daemon.address).stdout.decode()
    check(len(shown) > 10000, "too little was looked at")
    for secret in (TOKEN, MARK):
        check(secret not in shown, "%s is shown" % secret)


def test(case):
    sent, facts, lateness = made_input()
    write(case.path("token"), TOKEN)
    write(case.path("watched.yaml"), read(case.pipeline))
    write(case.path("mark"), MARK)
    daemon = Daemon(case)
    try:
        check(daemon.ready.wait(60) and daemon.address, "it does not say where it listens:\n%s" % "".join(daemon.said))
        wait_for(lambda: daemon.get("/readyz", None)[0] == 200, "ready")
        who_may_ask(daemon)
        daemon.process.stdin.write(sent.encode())
        daemon.process.stdin.flush()
        wait_for(lambda: components(daemon)["source lines"]["records_in"] == facts["in"] and
                 components(daemon)["sink large"]["records_delivered"] == facts["rest"] and
                 components(daemon)["sink unique"]["records_delivered"] == facts["once"] and
                 daemon.json("/v1/pipelines/watched")["epochs"]["snapshot"] > 0, "all is delivered, a snapshot is made")
        scrapes = formats_are_right(case, daemon)
        documented(case, scrapes[0][1])
        for _, samples in scrapes:
            figures_are_right(daemon, samples, facts, lateness)
        pages_are_right(daemon, facts)
        commands_are_right(case, daemon, facts, lateness)
        top_on_a_terminal(case, daemon)
        reloads_are_shown(case, daemon)
        secrets_are_kept(case, daemon, scrapes)
        taken = case.command("run", "--admin", daemon.address, case.pipeline)
        check(taken.status == 75 and daemon.address in taken.stderr, "a port that is taken: %d %s" % (taken.status, taken.stderr))
    finally:
        if daemon.process.poll() is None and sys.exc_info()[0] is not None:
            daemon.process.kill()
    daemon.end()
    # No section, no option: no port.
    text = read(case.pipeline).decode().replace("admin: {", "# admin: {")
    quiet = case.path("quiet.yaml")
    write(quiet, text)
    result = case.run(quiet)
    check(result.status == 0 and "admin port" not in result.stderr, "a port that nobody asked for:\n%s" % result.stderr)
