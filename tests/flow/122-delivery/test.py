"""delivery: at_most_once never gives a record twice, at_least_once loses none, whatever kill -9 hits; exactly_once
does neither in a file. Left alone, all give each record once."""

LINES = 4000
SETTINGS = {"EPOCH_RECORDS": 10, "CHECKPOINT": "20ms"}


def numbers(data):
    return [record["n"] for record in records(data, "the output")]


def lives(case, data, kills):
    """Lives that are killed when they have brought out something, and a last one: all that was printed, all that was
    said, how many kills hit, and the numbers of the records that the last life took."""
    printed, said, hit = b"", "", 0
    for attempt in range(10 * kills + 1):
        if hit == kills:
            break
        out = lambda: len(case.output().get("lines.ndjson", b""))
        before, more = out(), case.random.randrange(len(data) // (2 * kills))
        with open(case.path("printed"), "wb") as file, open(case.path("said"), "wb") as err:
            process = subprocess.Popen([case.program, "run", case.pipeline], stdin=subprocess.DEVNULL, stdout=file, stderr=err,
                                       env=case.environment(dict(SETTINGS, WORKERS=2)), cwd=case.scratch)
        try:
            case.wait_for(process, lambda: out() > before + more, "there is more output")
        except Failed:
            pass  # it was faster: then this is no hit
        process.kill()
        process.wait()
        hit += process.returncode == -signal.SIGKILL
        printed += read(case.path("printed"))
        said += read(case.path("said")).decode()
        if process.returncode == 0:
            break
    epoch = max((epoch.number for epoch in case.epochs()), default=0) if kills > 0 else 0
    result = case.run(**SETTINGS)
    check(result.status == 0, "the exit status is %d:\n%s" % (result.status, result.stderr))
    taken = b"".join(one.bytes_of(data) for one in case.epochs() if one.number > epoch)
    return printed + result.stdout, said + result.stderr, hit, numbers(taken)


def whole_lines(printed):
    """Without lines that a kill cut off in the middle; what follows them begins with '{' anew."""
    return [line for line in re.findall(rb'\{"n":\d+,"fill":"x+"\}\n', printed)]


def test(case):
    data = b"".join(b'{"n":%d,"fill":"%s"}\n' % (n, b"x" * 60) for n in range(LINES))
    hits = 0
    for delivery in ("at_most_once", "at_least_once", "exactly_once"):
        for kills in (0, 4):
            case.fresh()
            write(case.path("in", "lines.ndjson"), data)
            SETTINGS["DELIVERY"] = delivery
            printed, said, hit, taken = lives(case, data, kills)
            hits += hit
            what = "%s, %d kills (FLOW_SEED=%d)" % (delivery, hit, case.seed)
            filed, shown = numbers(case.output()["lines.ndjson"]), numbers(b"".join(whole_lines(printed)))
            if hit == 0 or delivery == "exactly_once":
                check(filed == list(range(LINES)), "%s: the file has not each record once, in order" % what)
            if hit == 0:
                check(printed == data, "%s: each record is not printed once, in order" % what)
                continue
            if delivery == "at_most_once":
                for name, got in (("file", filed), ("standard output", shown)):
                    check(all(a < b for a, b in zip(got, got[1:])), "%s: a record came twice, or out of order: %s" % (what, name))
                check("run again" not in said, "%s: something was replayed:\n%s" % (what, said))
                for name, got in (("file", filed), ("standard output", shown)):
                    check(got[len(got) - len(taken):] == taken, "%s: what the last life took, %d records, did not come out: %s"
                          % (what, len(taken), name))
            else:
                for name, got in (("file", filed), ("standard output", shown)):
                    check(set(got) == set(range(LINES)), "%s: %d records are lost: %s" % (what, LINES - len(set(got)), name))
            again = case.run(**SETTINGS)
            check(again.status == 0 and again.stdout == b"" and numbers(case.output()["lines.ndjson"]) == filed,
                  "%s: after the end something comes again" % what)
    check(hits >= 6, "only %d kills hit" % hits)
