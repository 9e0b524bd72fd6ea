import sys

for name, lines in (("a", 200), ("b", 20), ("c", 1)):
    with open("%s/%s.ndjson" % (sys.argv[1], name), "w") as file:
        for n in range(lines):
            file.write('{"ts":%d,"file":"%s","n":%d,"fill":"%s"}\n' % (1700000000000 + n, name, n, "x" * 1500))
