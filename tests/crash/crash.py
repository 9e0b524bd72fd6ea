"""crash.py PROGRAM FOLDER: kill -9 at random moments, and what comes out is as if nothing happened.

Two pipelines (jobs.py) run on fresh state folders. Each life of a daemon ends by kill -9 at a random
moment, now and then by SIGTERM, and the next one goes on with other settings; when one comes to
its end, outputs must be byte-identical to those of a run that nobody disturbed, which in turn must
be what an independent computation says. Then what a crash cannot do but a disk can (damage.py).

KILLS (default 100) is how many kills must have hit a running process; SEED repeats the drawn
moments and settings, though not the machine's timing. RECORDS is the input's size, DAMAGES how often
each damage is done. A folder whose outputs differ is kept.
"""
import os
import random
import shutil
import sys
import time

import damage
import jobs
import lives
from lives import Failure

KILLS_PER_ROUND = (4, 14)
# Each with the share of the kills that were done when it is through.
JOBS = ((jobs.FileJob, 0.35), (jobs.SequentialJob, 0.5), (jobs.StdinJob, 1))


class Figures:
    def __init__(self):
        self.kills = self.rounds = self.stops = self.lives = 0
        self.moments = {}


def baseline(program, job, folder):
    """The undisturbed run, checked against the oracle. Returns its seconds."""
    plain = lives.Folder(program, job, os.path.join(folder, f"{job.name}-undisturbed"))
    begun = time.monotonic()
    plain.finish(lives.PLAIN_LIFE)
    seconds = time.monotonic() - begun
    oracle = job.oracle()
    for name in job.outputs:
        with open(os.path.join(plain.out, name), "rb") as file:
            got = file.read()
        expected = "".join(line + "\n" for line in oracle[name]).encode()
        if not expected:
            raise Failure(f"{name}: the input makes no output here, so nothing would be tested")
        if got != expected:
            raise Failure("undisturbed, against the oracle: " + lives.difference(name, got, expected))
        job.expected[name] = expected
    shutil.rmtree(plain.path)
    print(f"{job.name}: undisturbed in {seconds:.1f} s, equal to the oracle: "
          + ", ".join(f"{len(oracle[name])} {name}" for name in job.outputs), flush=True)
    return seconds


def wait_for_moment(draw, life, folder, seconds):
    """Waits for the moment of the kill; returns its name."""
    kind = draw.choices(("start", "any", "snapshot", "end"), (3, 5, 3, 2))[0]
    if kind == "start":
        lives.wait_until(life, draw.uniform(0, 0.03))
    elif kind == "any":
        lives.wait_until(life, draw.uniform(0, seconds))
    elif kind == "snapshot":
        before = folder.newest_snapshots()[:1]
        lives.wait_until(life, draw.uniform(0.5, 1.5) * seconds,
                         lambda: folder.newest_snapshots()[:1] != before)
        lives.wait_until(life, draw.uniform(0, 0.01))
    else:
        size = sum(len(text) for text in folder.job.expected.values())
        share = draw.uniform(0.9, 1.0)
        lives.wait_until(life, 4 * seconds, lambda: folder.written() >= share * size)
        lives.wait_until(life, draw.choice((0, draw.uniform(0, 0.3))))
    return kind


def play(program, job, path, draw, seconds, kills_max, figures):
    """One state folder, from its beginning to the end of the input."""
    folder = lives.Folder(program, job, path)
    kills = 0
    planned = min(kills_max, draw.randint(*KILLS_PER_ROUND))
    try:
        while kills < planned:
            life = folder.begin(lives.draw_life(draw), draw.random())
            figures.lives += 1
            moment = wait_for_moment(draw, life, folder, seconds)
            if draw.random() < 0.1:
                status = life.stop()
                folder.note(life, f"SIGTERM ({moment}): status {status}")
                if status == -15:  # before there was a handler
                    continue
                if status != 0:
                    raise Failure(f"SIGTERM: status {status}: {life.said[-2:]}")
                figures.stops += 1
                continue
            killed = life.kill()
            folder.note(life, f"{moment}: {'killed' if killed else life.process.returncode}")
            if killed:
                kills += 1
                figures.kills += 1
                figures.moments[moment] = figures.moments.get(moment, 0) + 1
                if draw.random() < 0.25:
                    folder.verify_log()
            elif life.process.returncode == 0:
                break  # it had come to its end before
            else:
                raise Failure(f"status {life.process.returncode}: {life.said[-2:]}")
        folder.finish(lives.draw_life(draw), draw.random())
        folder.compare()
        folder.verify_log()
        if draw.random() < 0.3:  # nothing is left to do
            folder.finish(lives.draw_life(draw), draw.random())
            folder.compare()
    except Failure as failure:
        raise Failure(f"{job.name}, round {figures.rounds + 1}, life {folder.lives}: {failure}\n"
                      f"kept: {folder.path}") from None
    figures.rounds += 1
    shutil.rmtree(folder.path)


def main():
    program, top = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    kills = int(os.environ.get("KILLS") or 100)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    records = int(os.environ.get("RECORDS") or 300000)
    damages = int(os.environ.get("DAMAGES") or 2)
    print(f"SEED={seed} KILLS={kills}", flush=True)
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top)
    figures = Figures()
    begun = time.monotonic()
    try:
        for make, share in JOBS:
            draw = random.Random(f"{seed} {make.name}")
            folder = os.path.join(top, make.name)
            os.mkdir(folder)
            job = make(folder, seed, records)
            seconds = baseline(program, job, folder)
            wanted = round(kills * share)
            while figures.kills < wanted:
                play(program, job, os.path.join(folder, str(figures.rounds + 1)), draw, seconds,
                     wanted - figures.kills, figures)
            damage.run(program, job, folder, draw, damages)
    except Failure as failure:
        print(f"FAILED (SEED={seed}): {failure}")
        return 1
    moments = ", ".join(f"{n} {name}" for name, n in sorted(figures.moments.items()))
    print(f"survived {figures.kills} kills in {figures.rounds} rounds ({moments}; {figures.lives} lives, "
          f"{figures.stops} ended by SIGTERM), {time.monotonic() - begun:.0f} s: missing 0, doubled 0, "
          "changed 0")
    shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
