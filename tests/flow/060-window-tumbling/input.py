import random
import sys

chance = random.Random(60)
with open(sys.argv[1] + "/orders.ndjson", "w") as file:
    for i in range(900):
        ts = 1700000000 + i // 2 + chance.randrange(-20, 20)
        region = chance.choice(['"eu"', '"uk"', '"us"', "null"])
        amount = chance.choice([str(chance.randrange(1000)), str(chance.randrange(4000) / 4), "null"])
        file.write('{"ts":%d,"region":%s,"amount":%s,"user":"u%d"}\n' % (ts, region, amount, chance.randrange(9)))
