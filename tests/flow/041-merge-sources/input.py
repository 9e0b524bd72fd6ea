import sys

for name, step, count in (("left_file", 700, 300), ("right_file", 1100, 200)):
    with open("%s/%s.ndjson" % (sys.argv[1], name), "w") as file:
        for i in range(count):
            file.write('{"ts":%d,"v":%d}\n' % (1700000000000 + i * step, i % 17))
