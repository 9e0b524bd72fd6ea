"""A tmpfs that is too small: for the output, then for the log. Needs root; the disk is the test's own mount."""
import os
import threading


def mount(case, name, size):
    place = case.path(name)
    os.makedirs(place)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        raise Skipped("a tmpfs cannot be mounted: %s" % done.stderr.decode().strip())
    case.mounts.append(place)
    return place


def test(case):
    lines = b"".join(b'{"ts":%d,"n":%d,"fill":"%s"}\n' % (1700000000000 + n, n, b"x" * 400) for n in range(6000))
    write(case.path("in", "lines.ndjson"), lines)
    for name, size in (("small-out", 1 << 20), ("small-state", 4 << 20)):
        place = mount(case, name, size)
        settings = {"OUT": case.path("out"), "STATE": case.path("state-of-" + name), "WORKERS": 2, "EPOCH_BYTES": 65536, "CHECKPOINT": "50ms"}
        settings["OUT" if name == "small-out" else "STATE"] = place
        process = case.start("run", case.pipeline, **settings)
        said = []
        full = threading.Event()

        def listen():
            for line in process.stderr:
                said.append(line.decode())
                if b"full" in line.lower() or b"no space" in line.lower():
                    full.set()
            full.set()

        listener = threading.Thread(target=listen)
        listener.start()
        full.wait(60)
        waits = process.poll() is None
        if waits:
            check(any(place in line for line in said), "%s: the diagnostics do not name the place:\n%s" % (name, "".join(said)))
            subprocess.run(["mount", "-o", "remount,size=%d" % (64 << 20), place], check=True)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        listener.join()
        process.stderr.close()
        check(waits, "%s: it did not wait, but ended with %d:\n%s" % (name, process.returncode, "".join(said)))
        check(process.returncode == 0, "%s: the exit status is %d:\n%s" % (name, process.returncode, "".join(said)))
        got = read(os.path.join(settings["OUT"], "lines.ndjson"))
        check(got == lines, "%s: %d bytes are wanted, %d came" % (name, len(lines), len(got)))
        os.unlink(os.path.join(settings["OUT"], "lines.ndjson"))
