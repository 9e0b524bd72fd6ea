"""The source `kafka` on a real broker: each record that was committed is in the output once, over kill -9 of the daemon and
of the broker; partitions move between two daemons without loss; what is gone is said."""
import json
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "kafka"), os.path.join(HERE, "..")]
import broker as brokers
from daemon import Daemon, objects, until
from producer import Producer

PARTITIONS = 3
KILLS = 6


class World:
    def __init__(self, case, broker):
        self.case, self.broker = case, broker
        self.producer = Producer(broker.address)

    def topic(self, name):
        name = "source-%d-%s" % (os.getpid(), name)
        self.producer.create(name, PARTITIONS)
        return name

    def daemon(self, topic, name="one", **settings):
        os.makedirs(self.case.path(name), exist_ok=True)
        return Daemon(self.case, self.case.pipeline, BROKERS=self.broker.address, TOPIC=topic, NAME=name, **settings)

    def output(self, name="one"):
        path = self.case.path(name, "out.ndjson")
        data = read(path) if os.path.exists(path) else b""
        return objects(data[:data.rfind(b"\n") + 1])


def count(world, *names):
    return sum(len(world.output(name)) for name in names or ["one"])


def each_once(found, topic, n, kinds=("plain",)):
    ids = sorted(record["id"] for record in found)
    check(ids == list(range(n)), "of %d records %d came, %d different ones" % (n, len(ids), len(set(ids))))
    for record in found:
        check(record["kind"] in kinds and record["header"] == record["kind"], "what was not committed: %s" % record)
        check(record["key"] == "k%d" % record["id"] and record["topic"] == topic and
              record["partition"] == record["id"] % PARTITIONS, "not its envelope: %s" % record)
    for partition in range(PARTITIONS):
        places = [(r["offset"], r["id"]) for r in found if r["partition"] == partition]
        check([id for _, id in sorted(places)] == sorted(id for _, id in places), "offsets are not in order")


def once_over_kills(world):
    """The daemon dies again and again, the broker once; aborted transactions lie between the others."""
    topic, sent, ends = world.topic("kills"), [0], threading.Event()

    def produce():
        while not ends.is_set():
            n = sent[0]
            kind = "committed" if n % 400 else "plain"
            world.producer.produce(topic, n, n + 100, PARTITIONS, kind)
            world.producer.produce(topic, 0, 20, PARTITIONS, "aborted")
            sent[0] = n + 100

    producing = threading.Thread(target=produce, daemon=True)
    producing.start()
    for life in range(KILLS):
        daemon = world.daemon(topic)
        before = count(world)
        until(lambda: count(world) > before or not daemon.alive(), "records come in life %d" % life)
        check(daemon.alive(), daemon.said())
        if life == 2:
            world.broker.kill()
            daemon.wait_said("[kafka-away]")
            world.broker.start()
            daemon.wait_said("[kafka-back]")
        time.sleep(world.case.random.random() * 0.3)
        daemon.kill()
    ends.set()
    producing.join()
    daemon = world.daemon(topic)
    world.producer.produce(topic, sent[0], sent[0] + 100, PARTITIONS)
    sent[0] += 100
    until(lambda: count(world) >= sent[0], "all are there")
    check(daemon.stop() == 0, daemon.said())
    each_once(world.output(), topic, sent[0], ("plain", "committed"))
    committed, positions = world.producer.committed(topic, topic, PARTITIONS), world.output()
    for partition in range(PARTITIONS):
        last = max(record["offset"] for record in positions if record["partition"] == partition)
        check(committed[partition] == last + 1, "the group is at %s, the last record taken at %d" % (committed, last))


def partitions_move(world):
    """A second daemon comes, the first one goes: what one lets go of the other goes on with."""
    topic = world.topic("moves")
    names = ["first", "second"]
    world.producer.produce(topic, 0, 300, PARTITIONS)
    first = world.daemon(topic, "first", SESSION_MS=2000)
    until(lambda: count(world, "first") == 300, "the first has all")
    second = world.daemon(topic, "second", SESSION_MS=2000)
    sent = [300]

    def more():
        world.producer.produce(topic, sent[0], sent[0] + 30, PARTITIONS)
        sent[0] += 30
        return count(world, "second") > 0

    until(more, "the second has some")
    until(lambda: count(world, *names) == sent[0], "both have all")
    check(first.stop() == 0, first.said())
    world.producer.produce(topic, sent[0], sent[0] + 300, PARTITIONS)
    until(lambda: count(world, *names) == sent[0] + 300, "the second has the rest")
    check(second.stop() == 0, second.said())
    each_once(world.output("first") + world.output("second"), topic, sent[0] + 300)


def the_example(world):
    """As it stands in examples/."""
    topic, case = world.topic("example"), world.case
    path = os.path.join(case.folder, "../../../examples/source-kafka.yaml")
    world.producer.produce(topic, 0, 9, PARTITIONS)
    daemon = Daemon(case, path, BROKERS=world.broker.address, TOPIC=topic)
    out = case.path("out", "large.ndjson")
    until(lambda: os.path.exists(out) and read(out).count(b"\n") == 9, "all is read")
    check(daemon.stop() == 0, daemon.said())


def test(case):
    broker = brokers.Broker(os.path.join("kafka-broker", "source"))
    with broker.used():
        broker.start()
        world = World(case, broker)
        try:
            for part in (once_over_kills, partitions_move, the_example):
                part(world)
        finally:
            world.producer.close()
