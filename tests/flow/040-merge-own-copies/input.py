import sys

with open(sys.argv[1] + "/numbers.ndjson", "w") as file:
    for n in range(500):
        file.write('{"ts":%d,"n":%d}\n' % (1700000000000 + n, n))
