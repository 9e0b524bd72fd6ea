import gzip
import random
import sys

chance = random.Random(81)
for name, lines in (("a.ndjson", 250), ("b-1.gz", 200), ("b-2.gz", 30), ("c1.ndjson", 10), ("c2.ndjson", 0), ("d.ndjson", 5)):
    data = b"".join(b'{"ts":%d,"file":"%s","n":%d,"fill":"%s"}\n'
                    % (1700000000000 + n, name.encode(), n, b"x" * chance.randrange(1200, 1800)) for n in range(lines))
    if name == "b-1.gz":  # two members, as logrotate's cat of two makes
        half = len(data) // 2
        data = gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)
    elif name == "b-2.gz":
        data = gzip.compress(data, mtime=0)
    open("%s/%s" % (sys.argv[1], name), "wb").write(data)
