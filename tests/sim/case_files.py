"""case_files: a case as files: case.json, p.yaml and those of reloads, the inputs, and `script` (script.h)."""
import json
import os

from expressions import text



def option_text(type_, options):
    out = dict(options)
    if "when" in out.get("watermark", {}):
        out["watermark"] = {k: text(v) if k in ("when", "value") else v for k, v in out["watermark"].items()}
    for name in ("where", "having"):
        if name in out:
            out[name] = text(out[name])
    for name in ("select", "set", "routes"):
        if name in out:
            out[name] = {k: text(v) for k, v in out[name].items()}
    if type_ == "window" and "group_by" in out:
        out["group_by"] = {k: text(v) for k, v in out["group_by"].items()}
    if type_ == "dedup":
        out["key"] = [text(k) for k in out["key"]]
    if type_ == "http" and "key" in out:
        out["key"] = text(out["key"])
    if type_ == "window":
        out["aggregate"] = {k: aggregate_text(*v) for k, v in out["aggregate"].items()}
    return out


def aggregate_text(how, field):
    if field is None:
        return "count(*)"
    return f"count(distinct {text(field)})" if how == "count distinct" else f"{how}({text(field)})"


def yaml(case, chosen, added):
    lines = ["pipeline: p"] + [f"{name}: {json.dumps(value)}" for name, value in chosen.items()]
    for section in ("sources", "transforms", "sinks"):
        there = [c for c in case[section] if not c.get("added") or c["name"] in added]
        if there:
            lines.append(section + ":")
        for c in there:
            node = {"type": c["type"], **({"input": c["input"]} if "input" in c else {})}
            lines.append(f"  {c['name']}: {json.dumps({**node, **option_text(c['type'], c['options'])}, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def write(case, folder):
    os.makedirs(folder, exist_ok=True)

    def put(name, content):
        with open(os.path.join(folder, name), "w", newline="") as file:
            file.write(content)

    put("case.json", json.dumps(case, indent=1))
    put("p.yaml", yaml(case, case["settings"], []))
    for i, reload in enumerate(case["reloads"]):
        put(f"{i}.yaml", yaml(case, reload["settings"], reload["added"]))
    script = [f"seed {case['seed'] % 2**32}"]
    follows = {path for s in case["sources"] if s["options"].get("mode") == "tail" for path in s["reads"]}
    for i, (name, content) in enumerate(case["inputs"].items()):
        put(f"input{i}", content)
        script.append(
            f"stdin input{i}" if name == "stdin"
            else f"push input{i} {case['addresses']}" if name == "pushed"
            else f"{'tail' if name in follows else 'put'} {name} input{i}"
        )
    script += [f"refuse {case['refuse']}", f"trouble {case['seed'] * 7 % 30}", f"quiet {[2, 4, 12][case['seed'] % 3] * 10**6}"]
    put("script", "\n".join(script + case["script"]) + "\n")
