import os


def test(case):
    lines = read(os.path.join(case.folder, "in", "lines.ndjson"))
    write(case.path("plain"), "a file")
    os.makedirs(case.path("folder", "lines.ndjson"))
    for out, reason in (("plain/lines.ndjson", "[Nn]ot a directory|is not a folder|is a file"),
                        ("folder/lines.ndjson", "[Ii]s a directory|is a folder|is not a regular file")):
        result = case.run(OUT=out)
        path = case.path(*out.split("/"))
        check(result.status not in (0, 70) and result.status > 0, "%s: status %d\n%s" % (out, result.status, result.stderr))
        where = os.path.dirname(path) if out.startswith("plain") else path
        check(result.says("error: .*sink out: .*" + re.escape(where)), "%s is not named:\n%s" % (path, result.stderr))
        check(result.says(reason), "the reason is not said:\n%s" % result.stderr)
        check("SUMMARY" not in result.stderr, result.stderr)
    os.unlink(case.path("plain"))
    result = case.run(OUT="plain/lines.ndjson")
    check(result.status == 0, "when it can be written: status %d\n%s" % (result.status, result.stderr))
    check(read(case.path("plain", "lines.ndjson")) == lines, "not all came when it could be written")
