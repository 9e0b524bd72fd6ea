"""The sink `kafka` on a real broker, and what it wrote as another client reads it that reads committed records: exactly
once over kill -9 of the daemon and of the broker, refused records, another daemon, a group that has forgotten."""
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "kafka"), os.path.join(HERE, "..")]
import broker as brokers
import topic as topics
from daemon import Daemon, until

RECORDS = 1500
KEYS = 29


class World:
    def __init__(self, case, broker):
        self.case, self.broker, self.n = case, broker, 0

    def topic(self, *settings, partitions=3):
        self.n += 1
        name = "sink-%d-%d" % (os.getpid(), self.n)
        topics.call(self.broker.address, "create", name, partitions, *settings)
        return name

    def read(self, topic):
        return topics.call(self.broker.address, "read", topic)


def lines_of(case, n=RECORDS, large=0):
    lines = []
    for i in range(n):
        record = {"id": i, "user": "u%d" % (i % KEYS), "n": i // KEYS}
        if large and i % large == large - 1:
            record["text"] = "x" * 20000
        lines.append(json.dumps(record, separators=(",", ":")))
    write(case.path("in", "in.ndjson"), "\n".join(lines) + "\n")
    return lines


def pipeline(world, topic, sink="", top="", name="p.yaml", source="", state="state"):
    case = world.case
    write(case.path(name), """pipeline: %(topic)s
state: {dir: "%(dir)s/%(state)s"}
checkpoint: {interval: 20ms}
epoch: {bytes: 3000B}
drain_timeout: 10s
%(top)s
sources:
  in: {type: file, path: "%(dir)s/in/in.ndjson"%(source)s}
sinks:
  out:
    type: kafka
    input: in
    brokers: %(brokers)s
    topic: %(topic)s
    key: user
    headers: {n: n, none: missing}
    timestamp: timestamp '2026-11-21 00:00:00Z' + n * interval '1 second'
    tombstone: id = 7
    commit_interval: 5ms
    %(sink)s
  refused: {type: file, input: out.errors, path: "%(dir)s/out/refused.ndjson"}
""" % {"topic": topic, "dir": case.scratch, "brokers": world.broker.address, "sink": sink, "top": top,
       "source": source, "state": state})
    return case.path(name)


def ids(messages):
    return sorted(json.loads(message["value"])["id"] if message["value"] is not None else 7 for message in messages)


def exactly_once(what, lines, messages, refused=()):
    wanted = [json.loads(line) for line in lines]
    got = ids(messages)
    expected = [record["id"] for record in wanted if record["id"] not in refused]
    check(got == expected, "%s: %d records of %d; missing %s, twice %s" % (
        what, len(got), len(expected), sorted(set(expected) - set(got))[:5], [i for i in set(got) if got.count(i) > 1][:5]))
    places = {}
    for message in messages:
        if message["value"] is None:
            check(message["key"] == "u7", "%s: a tombstone for %s" % (what, message["key"]))
            continue
        record = json.loads(message["value"])
        check(message["value"] == lines[record["id"]], "%s: other bytes: %s" % (what, message["value"]))
        check(message["key"] == record["user"] and message["headers"] == {"n": str(record["n"])}, "%s: %s" % (what, message))
        check(message["time"] == 1795219200000 + record["n"] * 1000, "%s: its time is %d" % (what, message["time"]))
        place = places.setdefault(message["key"], (message["partition"], -1))
        check(place[0] == message["partition"] and place[1] < record["id"], "%s: out of order: %s" % (what, message))
        places[message["key"]] = (message["partition"], record["id"])


def kills(world, what, large=0, settings=()):
    case = world.case
    case.fresh()
    lines = lines_of(case, large=large)
    topic = world.topic(*settings)
    config = pipeline(world, topic)
    for _ in range(3):
        case.run(config, kill_after=case.random.uniform(0.3, 1.2))
    # The broker goes while the daemon writes; both may.
    end = threading.Event()

    def kill_broker():
        while not end.wait(case.random.uniform(0.5, 1.5)):
            world.broker.kill()
            world.broker.start()
            return

    killer = threading.Thread(target=kill_broker)
    killer.start()
    try:
        case.run(config, kill_after=case.random.uniform(1.0, 4.0))
        result = case.run(config)
    finally:
        end.set()
        killer.join()
    what = "%s, seed %d" % (what, case.seed)
    check(result.status == 0, "%s: status %d: %s" % (what, result.status, excerpt(result.stderr)))
    refused = [json.loads(record["_raw"])["id"] for record in records(case.output().get("refused.ndjson", b""), "refused")]
    wanted = [json.loads(line)["id"] for line in lines if len(line) > 2000]
    check(refused == wanted, "%s: refused are %s, not %s" % (what, refused, wanted))
    exactly_once(what, lines, world.read(topic), refused)


def other_promises(world):
    for promise in ("at_least_once", "at_most_once"):
        world.case.fresh()
        lines = lines_of(world.case)
        topic = world.topic()
        result = world.case.run(pipeline(world, topic, top="delivery: " + promise))
        check(result.status == 0, "%s: status %d: %s" % (promise, result.status, excerpt(result.stderr)))
        exactly_once(promise, lines, world.read(topic))


def away(world):
    """No broker at the start: it waits and says so, and ends when it is told to."""
    case = world.case
    case.fresh()
    lines = lines_of(case, 50)
    topic = world.topic()
    config = pipeline(world, topic)
    world.broker.kill()
    gone = case.run(pipeline(world, topic, sink="give_up_after: 300ms", name="impatient.yaml", state="other"))
    check(gone.status == 75 and gone.says("give_up_after"), "give_up_after: %d: %s" % (gone.status, excerpt(gone.stderr)))
    daemon = Daemon(case, config)
    daemon.wait_said("kafka-away")
    world.broker.start()
    check(daemon.end() == 0 and "kafka-back" in daemon.said(), "away: %s" % daemon.said())
    exactly_once("away", lines, world.read(topic))


def another(world):
    """A second daemon with a folder of its own takes over; the first one ends and knows why, at every start."""
    case = world.case
    case.fresh()
    lines_of(case, 50)
    topic = world.topic()
    tail = ", mode: tail, start: beginning"
    first = Daemon(case, pipeline(world, topic, source=tail))
    until(lambda: len(world.read(topic)) == 50, "the first has written")
    second = Daemon(case, pipeline(world, topic, source=tail, name="second.yaml", state="state2"))
    second.wait_said("kafka-sink-taken")
    until(lambda: len(world.read(topic)) == 100, "the second has written, from its own beginning")
    with open(case.path("in", "in.ndjson"), "a", encoding="ascii") as file:
        file.write(json.dumps({"id": 50, "user": "u0", "n": 0}) + "\n")
    check(first.end() == 75 and "another daemon writes to topic" in first.said(), "fenced: %s" % first.said())
    until(lambda: len(world.read(topic)) == 101, "the second goes on")
    check(second.stop() == 0, "the second: %s" % second.said())
    again = case.run(case.path("p.yaml"))
    check(again.status == 75 and again.says("another state folder"), "again: %d: %s" % (again.status, again.stderr))


def forgotten(world):
    case = world.case
    case.fresh()
    lines_of(case, 50)
    topic = world.topic()
    config = pipeline(world, topic)
    check(case.run(config).status == 0, "forgotten: the first run")
    topics.call(world.broker.address, "forget", "%s/out" % topic, topic)
    result = case.run(config)
    check(result.status == 74 and result.says("its offset was set back"), "forgotten: %d: %s" % (result.status, result.stderr))


def reload(world):
    """Another key: the producer goes on, in order, and nothing is lost or doubled."""
    case = world.case
    case.fresh()
    lines = lines_of(case, 50)
    topic = world.topic()
    tail = ", mode: tail, start: beginning"
    daemon = Daemon(case, pipeline(world, topic, source=tail))
    until(lambda: len(world.read(topic)) == 50, "all is written")
    for i, sink in enumerate(("compression: lz4", "commit_interval: 7ms")):
        config = pipeline(world, topic, source=tail, sink=sink)
        if "commit_interval" in sink:
            write(config, read(config).decode().replace("    commit_interval: 5ms\n", ""))
        daemon.signal(signal.SIGHUP)
        daemon.wait_said("reload-done", i + 1)
        lines.append(json.dumps({"id": 50 + i, "user": "u0", "n": 0}, separators=(",", ":")))
        with open(case.path("in", "in.ndjson"), "a", encoding="ascii") as file:
            file.write(lines[-1] + "\n")
        until(lambda: len(world.read(topic)) == 51 + i, "the record behind the reload")
    check(daemon.stop() == 0, "reload: %s" % daemon.said())
    exactly_once("reload", lines, world.read(topic))


def example(world):
    case = world.case
    case.fresh()
    topic = world.topic()
    config = os.path.join(HERE, "..", "..", "..", "examples", "sink-kafka.yaml")
    for _ in range(2):
        result = case.run(config, BROKERS=world.broker.address, TOPIC=topic)
        check(result.status == 0, "the example: status %d: %s" % (result.status, excerpt(result.stderr)))
        messages = world.read(topic)
        check(len(messages) == 200 and all(message["headers"]["region"] in ("eu", "uk", "us") for message in messages),
              "the example wrote %d: %s" % (len(messages), messages[:2]))


def test(case):
    broker = brokers.Broker("kafka-broker/sink")
    with broker.used():
        broker.start()
        world = World(case, broker)
        kills(world, "kills", 301, ("max.message.bytes=10000",))
        other_promises(world)
        away(world)
        another(world)
        forgotten(world)
        reload(world)
        example(world)
