import sys

with open(sys.argv[1] + "/lines.ndjson", "wb") as file:
    for number, size in enumerate((10, 10 << 20, 20, 1 << 20, (1 << 20) + 1, 5)):
        line = b'{"ts":1700000000000,"n":%d,"fill":"' % number
        file.write(line + b"x" * max(0, size - len(line) - 2) + b'"}\n')
