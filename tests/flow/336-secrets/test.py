"""Secrets wherever one can stand: tokens, headers, a query, a private key, from files, from the environment and as they
are; then all that can go wrong with them, a receiver that sends back what it was sent among it. Nothing that the program
says, writes down or answers holds one."""
import http.client
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, until

FILES = ("admin", "source", "url", "sink", "header")
SIGN = "s3cret"  # in each of them


class Echo(http.server.BaseHTTPRequestHandler):
    """401 and what was asked; counts."""
    asked = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Echo.asked.append(self.path)
        said = (self.path + " " + " ".join(self.headers.values())).encode()
        self.send_response(401, "No")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


def secrets(case):
    for name in FILES:
        write(case.path("secrets", name), "%s-%s-file\n" % (SIGN, name))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    case.path("secrets", "own.key"), "-out", case.path("secrets", "own.pem")], check=True, capture_output=True)
    key = read(case.path("secrets", "own.key")).decode().splitlines()
    return [SIGN] + [line for line in key if not line.startswith("-")]


class Watch:
    def __init__(self, hidden):
        self.hidden, self.seen = hidden, 0

    def look(self, what, text):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "backslashreplace")
        self.seen += len(text)
        for secret in self.hidden:
            check(secret not in text, "%s shows %s:\n%s" % (what, secret, excerpt(text)))


def life(case, json_format):
    case.fresh()
    watch = Watch(secrets(case))
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    Echo.asked.clear()
    config = case.path("p.yaml")
    text = read(case.pipeline).decode()
    write(config, text)
    settings = {"PORT": free_port(), "RECEIVER": receiver.server_address[1], "NOBODY": free_port(),
                "FROM_ENVIRONMENT": SIGN + "-environment"}
    for command in ("validate", "explain", "plan"):
        result = case.command(command, config, **settings)
        check(result.status == 0, "%s: status %d\n%s" % (command, result.status, result.stderr))
        watch.look(command, result.stdout.decode() + result.stderr)

    daemon = Daemon(case, "--verbose", "--log-format", "json" if json_format else "text", config, **settings)
    daemon.wait_said("http-listening")
    write(config, text.replace("max: 20ms", "max: 30ms"))
    result = case.command("reload", config, **settings)
    check(result.status == 0, "a good reload: status %d\n%s%s" % (result.status, result.stdout, result.stderr))
    watch.look("reload", result.stdout.decode() + result.stderr)
    context = ssl.create_default_context(cafile=case.path("secrets", "own.pem"))

    def send(token):
        connection = http.client.HTTPSConnection("127.0.0.1", settings["PORT"], timeout=60, context=context)
        connection.request("POST", "/", b'{"n":1}\n', {"Authorization": "Bearer " + token,
                                                       "Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        said = answer.read().decode() + str(answer.headers)
        connection.close()
        return answer.status, said

    for token, wanted in ((SIGN, 401), (SIGN + "-source-filf", 401), (SIGN + "-source-file", 202)):
        status, said = send(token)
        check(status == wanted, "token %s: %d" % (token, status))
        watch.look("the answer to a request", said)
    until(lambda: Echo.asked, "the receiver refuses a request")
    check("/in?key=%s-url-file" % SIGN in Echo.asked, "the receiver was not told the key of the query: %s" % Echo.asked)
    daemon.wait_said("http-refused")
    daemon.wait_said("http-retry")

    # Reloads that are refused because of the secrets, or beside them.
    refused = [("X-Api-Key: s3cret-header-plain", "X-Api-Key: s3cret-header-plain, X Y: s3cret-other"),
               ("X-Api-Key: s3cret-header-plain", 'X-Api-Key: "s3cret\\r\\nX-Injected: s3cret"'),
               ("token: \"${file:${DIR}/secrets/sink}\"", "token: s3cret-plain, colour: s3cret"[:20] + "\n    colour: red"),
               ("token: \"${file:${DIR}/secrets/sink}\"", 'token: "s3cret\\nsecond"'),
               ("token: \"${file:${DIR}/secrets/source}\"", "token: [s3cret-list]"),
               ("http://127.0.0.1:${NOBODY}", "http://user:s3cret-password@127.0.0.1:${NOBODY}"),
               ("http://127.0.0.1:${NOBODY}", "ftp://127.0.0.1/?key=${file:${DIR}/secrets/url}"),
               ("/secrets/own.pem", "/secrets/own.key"),
               ("listen: \"127.0.0.1:${PORT}\"", "listen: \"127.0.0.1:${RECEIVER}\"")]
    for old, new in refused:
        check(old in text, "the configuration does not hold %s" % old)
        write(config, text.replace(old, new))
        for command in ("validate", "plan", "reload"):
            result = case.command(command, config, **settings)
            watch.look("%s with %s" % (command, new), result.stdout.decode() + result.stderr)
        check(result.status != 0, "a reload with %s is taken" % new)
        daemon.signal(signal.SIGHUP)
        before = len(daemon.lines)
        until(lambda: "reload-refused" in "".join(daemon.lines[before:]) or "config-refused" in "".join(daemon.lines[before:]) or
              "repeat" in "".join(daemon.lines[before:]), "the reload with %s is refused" % new)
    address = re.search(r"admin port is (127.0.0.1:\d+)", daemon.said()).group(1)
    for path in ("/metrics", "/v1", "/v1/pipelines", "/v1/pipelines/secrets", "/healthz", "/readyz", "/nothing"):
        for token in (SIGN + "-admin-file", SIGN + "-wrong"):
            request = urllib.request.Request("http://%s%s" % (address, path), headers={"Authorization": "Bearer " + token})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    watch.look(path, answer.read().decode() + str(answer.headers))
                    check(token.endswith("file") or path in ("/healthz", "/readyz"), "%s with a wrong token" % path)
            except urllib.error.HTTPError as error:
                watch.look(path, error.read().decode() + str(error.headers))
                check(error.code in (401, 404, 503), "%s: %d" % (path, error.code))
    watch.look("the command line", read("/proc/%d/cmdline" % daemon.process.pid))
    daemon.signal(signal.SIGTERM)
    check(daemon.end() == 75, "a sink is away, but the status is %d:\n%s" % (daemon.process.returncode, daemon.said()))
    receiver.shutdown()
    receiver.server_close()
    watch.look("the diagnostics", daemon.said())
    kept = [name for name in tree(case.path("state")) if name.startswith("config-")]
    check(kept, "the state folder keeps no configuration")
    for name, data in tree(case.path("state")).items():
        watch.look("state/" + name, data if name.startswith("config-") else data.decode("latin-1"))
    dump = case.command("wal", "dump", case.path("state"))
    watch.look("wal dump", dump.stdout.decode() + dump.stderr)
    result = case.command("run", config, "--log-format", "json", kill_after=0.5, **settings)
    watch.look("the next start", result.stderr)
    print("%d bytes looked through" % watch.seen)


def test(case):
    for json_format in (False, True):
        life(case, json_format)
