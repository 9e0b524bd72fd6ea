import base64
import json


def outputs(inputs, folder):
    """Even lines are good, odd ones bad. What the error says is not compared here, only that it says something."""
    lines = read(inputs + "/lines.ndjson").split(b"\n")
    return {"good.ndjson": [json.loads(line) for line in lines[0::2]],
            "errors.ndjson": [{"_raw": raw_of(line), "_encoding": encoding_of(line), "said": True} for line in lines[1::2]]}


def encoding_of(line):
    if b"\0" in line:  # no text: many programs would end it there
        return "base64"
    try:
        line.decode()
        return "text"
    except UnicodeDecodeError:
        return "base64"


def raw_of(line):
    return line.decode() if encoding_of(line) == "text" else base64.b64encode(line).decode()
