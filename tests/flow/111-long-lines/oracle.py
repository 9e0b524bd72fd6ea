import hashlib
import json


def outputs(inputs, folder):
    lines = read(inputs + "/lines.ndjson").splitlines()
    long = [line for line in lines if len(line) > 1 << 20]
    assert len(long) == 2
    return {"good.ndjson": [json.loads(line) for line in lines if line not in long],
            "errors.ndjson": [{"size": len(line), "code": "line.too_long", "component": "in",
                               "digest": hashlib.md5(line).hexdigest()} for line in long]}
