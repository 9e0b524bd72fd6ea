"""shrink: a case that is wrong, made smaller as long as it stays wrong."""
import copy

TRIES_MAX = 60


def shrink(case, run):
    """run(case) says what is wrong with it. Returns the smallest case found; run() was last called with it."""
    tries = 0
    for smaller in steps(case):
        while tries < TRIES_MAX:
            candidate = smaller(copy.deepcopy(case))
            if candidate is None:
                break
            tries += 1
            if not run(candidate):
                break
            case = candidate
    run(case)
    return case


def steps(case):
    """Functions that take a part away, or give None when there is nothing left to take."""
    for _ in range(len(case["script"])):
        yield drop_first_life
        yield drop_last_life
    for sink in [s["name"] for s in case["sinks"]]:
        yield lambda c, name=sink: without_sink(c, name)
    for transform in reversed([t["name"] for t in case["transforms"]]):
        yield lambda c, name=transform: without_transform(c, name)
    for name in case["inputs"]:
        if name != "pushed":
            yield lambda c, name=name: halved(c, name, 0)
            yield lambda c, name=name: halved(c, name, 1)


def drop_first_life(case):
    return case if case["script"] and case["script"].pop(0) else None


def drop_last_life(case):
    return case if case["script"] and case["script"].pop() else None


def without_sink(case, name):
    left = [s for s in case["sinks"] if s["name"] != name and s["input"] != name + ".errors"]
    if len(left) == len(case["sinks"]) or not [s for s in left if not s.get("added")]:
        return None
    case["sinks"] = left
    return case


def without_transform(case, name):
    read = {i.split(".")[0] for t in case["transforms"] for i in t["input"]} | {s["input"].split(".")[0] for s in case["sinks"]}
    if name in read or all(t["name"] != name for t in case["transforms"]):
        return None
    case["transforms"] = [t for t in case["transforms"] if t["name"] != name]
    return case


def halved(case, name, half):
    lines = case["inputs"][name].split("\n")
    if len(lines) < 4:
        return None
    middle = len(lines) // 2
    case["inputs"][name] = "\n".join(lines[middle:] if half == 0 else lines[:middle] + [""])
    return case
