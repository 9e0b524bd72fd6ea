def test(case):
    lines = [b'{"ts":%d,"n":%d}\n' % (1700000000000 + n, n) for n in range(50)]
    broken = lines[:30] + [b'{"ts":1700000000030,"n":\n'] + lines[31:]
    case.stop_and_repair("lines.ndjson", b"".join(broken), b"".join(lines), {"lines.ndjson": b"".join(lines)},
                         before=b"".join(lines[:30]), copy="lines.ndjson",
                         position=sum(len(line) for line in lines[:30]), says="in: ")
