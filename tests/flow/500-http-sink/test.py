"""The sink `http` against a real receiver that misbehaves, with kill -9 in between, and with TLS."""
import json
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from receiver import Receiver

RECORDS = 1200


def records_of(case):
    lines = []
    for i in range(RECORDS):
        record = {"id": i, "user": "u%d" % (i % 37), "n": i // 37}
        if i % 401 == 100:
            record["bad"] = True
        lines.append(json.dumps(record, separators=(",", ":")))
    write(case.path("in", "in.ndjson"), "\n".join(lines) + "\n")
    return lines


def pipeline(case, url, options="", timeout="1m"):
    write(case.path("p.yaml"), """pipeline: post
state: {dir: "%(dir)s/state"}
checkpoint: {interval: 20ms}
epoch: {bytes: 4000B}
drain_timeout: 300ms
sources:
  in: {type: file, path: "%(dir)s/in/in.ndjson"}
sinks:
  out:
    type: http
    input: in
    url: "%(url)s"
    timeout: %(timeout)s
    connect_timeout: 1m
    batch: {records: 25}
    token: very-secret
    retry: {initial: 1ms, max: 20ms}
    %(options)s
  refused: {type: file, input: out.errors, path: "%(dir)s/out/refused.ndjson"}
""" % {"dir": case.scratch, "url": url, "options": options, "timeout": timeout})
    return case.path("p.yaml")


def giving_up(config):
    write(config, read(config).decode().replace("max: 20ms}", "max: 20ms, give_up_after: 10ms}"))
    return config


def exactly_once(what, case, receiver, lines):
    check(not receiver.faults, "%s: %s" % (what, receiver.faults[:3]))
    got = [line.decode() for line in receiver.lines()]
    refused = [record["_raw"] for record in records(case.output()["refused.ndjson"], "refused.ndjson")]
    wanted = [line for line in lines if '"bad"' in line]
    check(refused == wanted, "%s: %d records were refused, not %d: %s" % (what, len(refused), len(wanted), refused[:9]))
    check(sorted(got + refused) == sorted(lines), "%s: %d records taken and %d refused of %d; missing %s, too much %s" % (
        what, len(got), len(refused), len(lines), sorted(set(lines) - set(got + refused))[:5],
        [line for line in set(got) if got.count(line) > 1][:5]))


def kill_again_and_again(case, options, kills):
    case.fresh()
    lines = records_of(case)
    receiver = Receiver(seed=case.seed, trouble=0.15)
    config = pipeline(case, receiver.url, options, "400ms")
    lives = []
    try:
        for _ in range(kills):
            lives.append(case.run(config, kill_after=case.random.uniform(0.03, 0.4)))
        lives.append(case.run(config))
    finally:
        receiver.close()
    what = "%s, seed %d" % (options, case.seed)
    check(lives[-1].status == 0, "%s: status %d: %s" % (what, lives[-1].status, excerpt(lives[-1].stderr)))
    exactly_once(what, case, receiver, lines)
    check(all("very-secret" not in life.stderr for life in lives), "%s: the token is shown" % what)
    check(all(head["Authorization"] == "Bearer very-secret" for head in receiver.heads), "%s: no token" % what)
    print("%s: %d lives, %d requests, %d again, %d at once, trouble: %s" % (
        what, len(lives), receiver.asked, receiver.again, receiver.busy_most, " ".join(sorted(receiver.happened))))


def in_order(receiver):
    """Within a key, in the order in which requests were first taken."""
    last = {}
    for line in receiver.lines():
        record = json.loads(line)
        check(last.get(record["user"], -1) < record["n"], "%s is behind %s" % (record, last.get(record["user"])))
        last[record["user"]] = record["n"]


def every_trouble_is_said(case):
    """Each by itself: what is said of it names the receiver and what happened."""
    said = {"500": "answers 500: <html>oops", "503_after": "answers 503", "429": "answers 429",
            "close": "closed the connection without an answer",
            "half": "closed the connection in the middle of its answer", "hang": "has not answered within 0.3 s",
            "garbage": "answers is not HTTP", "headers": "longer than 64 KiB"}
    write(case.path("in", "in.ndjson"), '{"id":1}\n')
    for kind, text in said.items():
        case.fresh()
        receiver = Receiver(trouble=1.0, kinds=["trouble_" + kind])
        timeout = "300ms" if kind == "hang" else "1m"
        result = case.run(giving_up(pipeline(case, receiver.url, timeout=timeout)))
        receiver.close()
        check(result.status == 75, "%s: status %d: %s" % (kind, result.status, result.stderr))
        peer = receiver.url.split("/")[2]
        check(result.says("warning: post: sink out: .*%s.*trying again in .*nothing is lost.*http-retry" % re.escape(peer)) and
              text in result.stderr and result.says("error: .*given up after .*retry.give_up_after"),
              "%s: what is said is not\n%s\n%s" % (kind, text, result.stderr))


def stops_while_nobody_answers(case):
    case.fresh()
    records_of(case)
    receiver = Receiver(trouble=1.0, kinds=["trouble_hang"])
    config = pipeline(case, receiver.url, timeout="1h")
    process = case.start("run", config)
    try:
        while receiver.asked == 0 and process.poll() is None:
            receiver.closing.wait(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        receiver.close()
    check(process.returncode == 75, "stopped: status %d: %s" % (process.returncode, err.decode()))


def openssl(case, *arguments):
    subprocess.run(["openssl", *arguments], cwd=case.path("tls"), check=True, capture_output=True)


def certificate(case, name, more):
    openssl(case, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name,
            "-keyout", name + ".key", "-out", name + ".csr")
    write(case.path("tls", name + ".ext"), more)
    openssl(case, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "9",
            "-extfile", name + ".ext", "-out", name + ".pem")


def with_tls(case):
    case.fresh()
    write(case.path("in", "in.ndjson"), '{"id":1}\n')
    os.makedirs(case.path("tls"))
    openssl(case, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9",
            "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem")
    certificate(case, "right", "subjectAltName=IP:127.0.0.1")
    certificate(case, "other", "subjectAltName=DNS:other.example")
    certificate(case, "client", "extendedKeyUsage=clientAuth")
    tls = case.path("tls")
    ours = "certificate: %s/client.pem, key: %s/client.key" % (tls, tls)
    for server, asks, options, status, text in (
            ("right", False, "ca: %s/ca.pem" % tls, 0, ""),
            ("right", True, "ca: %s/ca.pem, %s" % (tls, ours), 0, ""),
            ("right", True, "ca: %s/ca.pem" % tls, 75, "127.0.0.1:.* (does it want a certificate of ours|closed the connection)"),
            ("right", False, "verify: true", 75, "the certificate of 127.0.0.1:.* is not to be trusted: .*issuer"),
            ("other", False, "ca: %s/ca.pem" % tls, 75, "is not to be trusted: .*(name|address|match)"),
            ("other", False, "verify: false", 0, ""),
            ("right", False, "ca: %s/client.key" % tls, 75, "no TLS with 127.0.0.1:.*client.key"),
            ("right", False, "ca: %s/none.pem" % tls, 66, "tls: .*none.pem")):
        fresh_but_tls(case)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(case.path("tls", server + ".pem"), case.path("tls", server + ".key"))
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(case.path("tls", "ca.pem"))
        receiver = Receiver(tls=context)
        result = case.run(giving_up(pipeline(case, receiver.url, "tls: {%s}" % options)))
        receiver.close()
        check(result.status == status and (status == 0 or result.says(text)) and len(receiver.taken) == (status == 0),
              "%s with %s: status %d, %d requests: %s" % (server, options, result.status, receiver.asked, result.stderr))


def fresh_but_tls(case):
    """As before the first start, but with what is in tls/."""
    subprocess.run(["rm", "-rf", case.path("state"), case.path("out")], check=True)
    os.makedirs(case.path("out"))


def the_example(case):
    case.fresh()
    example = os.path.join(case.folder, "..", "..", "..", "examples", "sink-http.yaml")
    receiver = Receiver()
    for command in ("validate", "explain"):
        result = case.command(command, example)
        check(result.status == 0, "%s: status %d: %s" % (command, result.status, result.stderr))
    result = case.command("run", example, URL=receiver.url, TOKEN="t")
    receiver.close()
    check(result.status == 0 and receiver.lines(), "the example: status %d: %s" % (result.status, result.stderr))


def test(case):
    os.makedirs(case.path("in"), exist_ok=True)
    kill_again_and_again(case, "concurrency: 1", 6)
    kill_again_and_again(case, "concurrency: 4\n    key: user\n    compression: gzip", 6)
    case.fresh()
    lines = records_of(case)
    receiver = Receiver(seed=case.seed, trouble=0.05)
    result = case.run(pipeline(case, receiver.url, "concurrency: 4\n    key: user", "400ms"))
    receiver.close()
    check(result.status == 0, "in order: status %d: %s" % (result.status, result.stderr))
    exactly_once("in order", case, receiver, lines)
    in_order(receiver)
    every_trouble_is_said(case)
    stops_while_nobody_answers(case)
    with_tls(case)
    the_example(case)
