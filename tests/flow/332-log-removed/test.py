"""Somebody removes the folder of the log, or moves it away, under the running daemon. What is written to a removed file
is synced without an error, and gone with the process: so the next request is not acknowledged, the pipeline ends and
says why. The next start does not begin anew as if nothing had been; with the folder back it goes on."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from daemon import Daemon, free_port, post


def life(case, moved_to):
    case.fresh()
    port, log = free_port(), case.path("state", "log")
    daemon = Daemon(case, case.pipeline, PORT=port)
    daemon.wait_said("http-listening")
    for n in range(5):
        check(post(port, b'{"n":%d}\n' % n)[0] == 202, "record %d is not taken" % n)
    if moved_to is None:
        shutil.rmtree(log)
    else:
        os.rename(log, moved_to)
    status = post(port, b'{"n":5}\n')[0]
    check(status != 202, "a record is acknowledged though the log is gone")
    check(daemon.end() == 74, "the exit status is %d, not 74:\n%s" % (daemon.process.returncode, daemon.said()))
    check(re.search(r"error: removed: .*%s/\d+.wal was removed or moved away while it was being written" % re.escape(log), daemon.said()) and
          "log-gone" in daemon.said() and "start with a new state folder" in daemon.said(),
          "what happened, and what to do, is not said:\n%s" % daemon.said())
    for _ in range(2):
        result = case.run(PORT=port)
        check(result.status == 74 and result.says("error: removed: log: there is none in %s, but there was one: .*Put them back, "
                                                  "or start with a new state folder" % re.escape(log)),
              "the next start: status %d\n%s" % (result.status, result.stderr))
    if moved_to is None:
        return
    shutil.rmtree(log, ignore_errors=True)
    os.rename(moved_to, log)
    daemon = Daemon(case, case.pipeline, PORT=port)
    daemon.wait_said("http-listening")
    check(post(port, b'{"n":6}\n')[0] == 202, "with the folder back: a record is not taken")
    check(daemon.stop() == 0, "with the folder back: %s" % daemon.said())
    got = [record["n"] for record in records(case.output()["out.ndjson"], "out.ndjson")]
    check(got in ([0, 1, 2, 3, 4, 6], [0, 1, 2, 3, 4, 5, 6]), "with the folder back: %s came out" % got)


def test(case):
    life(case, None)
    life(case, case.path("moved"))
