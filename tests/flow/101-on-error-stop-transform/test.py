def test(case):
    lines = [b'{"ts":%d,"n":%d}\n' % (1700000000000 + n, n % 20 + 1) for n in range(50)]
    broken = lines[:15] + [b'{"ts":1700000000015,"n":0}\n'] + lines[16:]
    unique = b"".join(lines[:20])
    shares = b"".join(line[:-2] + b',"share":%d}\n' % (100 // (n + 1)) for n, line in enumerate(lines[:20]))
    case.stop_and_repair("lines.ndjson", b"".join(broken), b"".join(lines), {"lines.ndjson": unique, "shares.ndjson": shares},
                         before=b"".join(lines[:15]), copy="lines.ndjson",
                         position=sum(len(line) for line in lines[:15]), says="share: .*division by zero")
