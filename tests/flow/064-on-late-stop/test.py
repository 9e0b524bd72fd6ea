def test(case):
    lines = [b'{"ts":1700000001}\n', b'{"ts":1700000013}\n', b'{"ts":1700000002}\n', b'{"ts":1700000030}\n']
    repaired = lines[:2] + [b'{"ts":1700000012}\n'] + lines[3:]
    wanted = {"in.ndjson": b"".join(repaired), "counts.ndjson": (
        b'{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","n":1}\n'
        b'{"window_start":"2023-11-14T22:13:30Z","window_end":"2023-11-14T22:13:40Z","n":2}\n'
        b'{"window_start":"2023-11-14T22:13:50Z","window_end":"2023-11-14T22:14:00Z","n":1}\n')}
    case.stop_and_repair("events.ndjson", b"".join(lines), b"".join(repaired), wanted,
                         before=b"".join(lines[:2]), copy="in.ndjson", position=36, says=r"counts: .*late")
