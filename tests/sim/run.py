"""run: seeds through the simulation, one after the other.

    run.py PROGRAM FOLDER [--seeds FROM COUNT | --soak FROM] [--seconds LIMIT]

PROGRAM is tests/sim/sim. Of a seed whose run is wrong the folder is kept, made as small as it can be made while it
remains wrong, and the command that repeats it is printed.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

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
    return verdict.judge(case, folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--seeds", nargs=2, type=int, default=(1, 100))
    parser.add_argument("--soak", type=int)
    parser.add_argument("--keep", action="store_true", help="folders of runs that are right, too")
    parser.add_argument("--whole", action="store_true", help="do not make what is wrong smaller")
    options = parser.parse_args()
    seed, left = (options.soak, None) if options.soak is not None else options.seeds
    figures, failed, begun = Figures(), 0, time.monotonic()
    while left is None or left > 0:
        folder = os.path.join(options.folder, str(seed))
        case = generate.make(seed)
        problems = run(options.program, case, folder)
        if problems:
            failed += 1
            print(f"seed {seed} is wrong:\n  " + "\n  ".join(problems[:5]), flush=True)
            print(f"again: make check-sim SEED={seed}; it is in {folder}, made small in {folder}-small", flush=True)
            if not options.whole:
                shrink.shrink(case, lambda smaller: run(options.program, smaller, folder + "-small"))
        else:
            figures.add(folder)
            if not options.keep:
                shutil.rmtree(folder)
        seed += 1
        left = left - 1 if left is not None else None
        if left is None and seed % 100 == 0:
            say(seed, figures, failed, begun)
    say(options.seeds[1], figures, failed, begun)
    return 1 if failed else 0


def say(seeds, figures, failed, begun):
    seconds = time.monotonic() - begun
    print(f"{seeds} seeds, {failed} wrong, {figures.get('lives', 0)} lives, {figures.get('crashes', 0)} simulated crashes "
          f"survived, {figures.get('failures', 0)} failures told, {figures.get('reloads', 0)} reloads, "
          f"{figures.get('damaged', 0)} damages found, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
