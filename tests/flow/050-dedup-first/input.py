import random
import sys

chance = random.Random(50)
with open(sys.argv[1] + "/requests.ndjson", "w") as file:
    for i in range(600):
        ts = 1700000000000 + i * 3000 + chance.randrange(-600, 600) * 1000
        user = chance.choice(['"a"', '"b"', "null", "1", "1.0", '"1"'])
        file.write('{"ts":%d,"user":%s,"request":%d,"line":%d}\n' % (ts, user, chance.randrange(12), i))
