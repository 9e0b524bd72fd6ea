import sys

# 2024-02-29T12:34:50Z and 12:35:10Z
TIMES = (1709210090, 1709210110)
ISO = (('"2024-02-29T12:34:50Z"', '"2024-02-29T12:35:10Z"'),
       ('"2024-02-29T18:04:50.000000999+05:30"', '"2024-02-29 04:35:10-08:00"'))
files = {
    "iso": [ISO[0][0], ISO[1][0], ISO[0][1], ISO[1][1]],
    "s": list(TIMES), "ms": [t * 1000 + 999 for t in TIMES], "us": [t * 1000000 + 999999 for t in TIMES],
    "ns": [t * 1000000000 + 999999999 for t in TIMES],
    "log": ['"29/Feb/2024:12:34:50 +0000"', '"29/Feb/2024:13:35:10 +0100"'],
}
for name, times in files.items():
    with open("%s/%s.ndjson" % (sys.argv[1], name), "w") as file:
        for t in times:
            file.write('{"kind":"%s","t":%s}\n' % (name, t))
