"""Rotation by size and by time. Both are decided at the start of an epoch, by its clock and what the file holds by
then: so the log says which record must be in which file, and kill -9 changes nothing."""
import itertools


def rotated(name, epochs, data, ends):
    """ends(bytes in the file, its age in µs): whether the next epoch begins another one."""
    files, opened = [b""], None
    for epoch in epochs:
        lines = epoch.bytes_of(data)
        if not lines:
            continue
        if opened is not None and ends(len(files[-1]), epoch.clock - opened):
            files.append(b"")
            opened = None
        if opened is None:
            opened = epoch.clock
        files[-1] += lines
    return {"%s.%06d" % (name, i + 1): file for i, file in enumerate(files)}


def test(case):
    # The producer goes on until there are enough files, however long the machine takes for it.
    line = lambda i: b'{"i":%d,"fill":"%s"}\n' % (i, b"x" * (i * 37 % 300))
    numbers = lambda name: sum(path.startswith(name) for path in case.output())
    for settings, kills in (({}, 0), ({"WORKERS": 3, "EPOCH_RECORDS": 1}, 0), ({"EPOCH_BYTES": 700}, 3), ({"EPOCH_RECORDS": 3}, 3)):
        case.fresh()
        what = "%s, %d kills (FLOW_SEED=%d)" % (settings, kills, case.seed)
        data, files_wanted = b"", 2
        lives = kills + 1
        for life in range(lives):
            process, place, said = case.start_stdin(case.pipeline, data, **settings)
            process.stdin.write(data[place:])
            for i in itertools.count(len(data.splitlines())):
                data += line(i)
                process.stdin.write(line(i))
                process.stdin.flush()
                written = lambda: sum(len(text) for name, text in case.output().items() if name.startswith("sized"))
                if i % 5 == 0:  # let it come out, so that there are epochs
                    case.wait_for(process, lambda: written() >= len(data) - 2000, "%s: output follows" % what)
                if numbers("sized") >= files_wanted and numbers("timed") >= files_wanted:
                    break
            files_wanted += 2
            if life + 1 < lives:
                process.kill()
                process.communicate()
        process.stdin.close()
        process.wait(60)
        check(process.returncode == 0, "%s: the exit status is %d:\n%s" % (what, process.returncode, "".join(said)))
        epochs = case.epochs()
        check(b"".join(epoch.bytes_of(data) for epoch in epochs) == data, "%s: the log does not hold all of the input once" % what)
        wanted = rotated("sized.ndjson", epochs, data, lambda length, age: length >= 1024)
        wanted.update(rotated("timed.ndjson", epochs, data, lambda length, age: age >= 50000))
        same(what, wanted, case.output())
