"""run: seeds through the simulation, one after the other.

    run.py PROGRAM FOLDER [--seeds FIRST COUNT | --soak FIRST]

PROGRAM is tests/sim/sim. Of a seed whose run is wrong the folder is kept, made as small as it can be made while it
remains wrong, and the command that repeats it is printed.
"""
import argparse
import collections
import os
import shutil
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True

import case_files
import generate
import shrink
import verdict

LIMIT_S = 60  # of one run


class Figures(dict):
    def add(self, folder):
        with open(os.path.join(folder, "figures")) as file:
            for line in file:
                name, value = line.split()
                self[name] = self.get(name, 0) + int(value)


def run(program, case, folder):
    """What is wrong, or nothing; whether a damaged file was found and said."""
    shutil.rmtree(folder, ignore_errors=True)
    case_files.write(case, folder)
    try:
        done = subprocess.run([program, folder], capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return [f"the simulation did not end within {LIMIT_S} s"]
    if done.returncode != 0:
        tail = [line for line in done.stderr.decode(errors="replace").split("\n") if line and not line.startswith("[")]
        return ["the simulation failed: " + "\n".join(tail[:12])]
    figures = Figures()
    figures.add(folder)
    if figures["damaged"]:
        return []
    try:
        return verdict.judge(case, folder)
    except Exception:
        return ["the model failed: " + traceback.format_exc()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--seeds", nargs=2, type=int, default=(1, 100), metavar=("FIRST", "COUNT"))
    parser.add_argument("--soak", type=int, metavar="FIRST", help="until it is stopped")
    parser.add_argument("--keep", action="store_true", help="folders of runs that are right, too")
    parser.add_argument("--whole", action="store_true", help="do not make what is wrong smaller")
    parser.add_argument("--enough", type=int, default=3, help="so many that are wrong end it")
    options = parser.parse_args()
    first, count = (options.soak, None) if options.soak is not None else options.seeds
    figures, begun, done, wrong = Figures(), time.monotonic(), 0, 0
    try:
        while (count is None or done < count) and wrong < options.enough:
            seed = first + done
            folder = os.path.join(options.folder, str(seed))
            case = generate.make(seed)
            problems = run(options.program, case, folder)
            done += 1
            if problems:
                wrong += 1
                print(f"seed {seed} is wrong:\n  " + "\n  ".join(problems[:5]))
                print(f"again: make check-sim SEED={seed}; it is in {folder}", flush=True)
                if not options.whole:
                    shrink.shrink(case, lambda smaller: run(options.program, smaller, folder + "-small"))
                    print(f"made small: {folder}-small", flush=True)
            else:
                figures.add(folder)
                if not options.keep:
                    shutil.rmtree(folder)
            if count is None and done % 100 == 0:
                say(done, wrong, figures, begun)
    except KeyboardInterrupt:
        pass  # stopped
    say(done, wrong, figures, begun)
    return 1 if wrong else 0


def say(done, wrong, figures, begun):
    figures = collections.defaultdict(int, figures)
    print(
        f"{done} seeds, {wrong} wrong; {figures['lives']} lives, {figures['crashes']} simulated crashes survived, "
        f"{figures['failures']} failures told, {figures['reloads']} reloads, {figures['damaged']} damages found; "
        f"{time.monotonic() - begun:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
