#!/usr/bin/env python3
"""Somebody else's producer for the suites: Debian's confluent-kafka, in a process of its own, as the Python that runs the
suites need not have the module.

    producer.py BROKERS     obeys JSON lines from its standard input, and answers each with one

    {"create": TOPIC, "partitions": N}
    {"produce": TOPIC, "from": A, "to": B, "partitions": N, "kind": KIND}
        the numbers from A on below B as {"id": n, "kind": KIND, "amount": 150}, key "k<n>", header kind, to partition
        n % N. KIND is "plain", or "committed" or "aborted": one transaction
    {"committed": GROUP, "topic": TOPIC, "partitions": N}   -> {"offsets": [...]}
    {"ends": TOPIC, "partitions": N}                        -> {"offsets": [...]}
"""
import json
import os
import subprocess
import sys

LIMIT_S = 60


def python():
    for candidate in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([candidate, "-c", "import confluent_kafka"], capture_output=True).returncode == 0:
            return candidate
    raise SystemExit("no python3 has confluent_kafka: install python3-confluent-kafka")


class Producer:
    """The suite's end of the pipe."""

    def __init__(self, brokers):
        self.process = subprocess.Popen([python(), "-B", os.path.abspath(__file__), brokers], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError("the producer ended with %s at %s" % (self.process.wait(), what))
        return json.loads(answer)

    def create(self, topic, partitions):
        self.ask(create=topic, partitions=partitions)

    def produce(self, topic, first, end, partitions, kind="plain"):
        self.ask(**{"produce": topic, "from": first, "to": end, "partitions": partitions, "kind": kind})

    def committed(self, group, topic, partitions):
        return self.ask(committed=group, topic=topic, partitions=partitions)["offsets"]

    def ends(self, topic, partitions):
        return self.ask(ends=topic, partitions=partitions)["offsets"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(LIMIT_S)
        self.process.stdout.close()


class Client:
    """The other end."""

    def __init__(self, brokers):
        from confluent_kafka import Producer as Confluent
        self.brokers = {"bootstrap.servers": brokers, "reconnect.backoff.max.ms": 500}
        self.plain = Confluent(dict(self.brokers, **{"enable.idempotence": True}))
        self.transactional = None

    def create(self, topic, partitions):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient(self.brokers)  # lives until it has answered
        for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result()

    def send(self, producer, order):
        failed = []
        for n in range(order["from"], order["to"]):
            producer.produce(order["produce"], json.dumps({"id": n, "kind": order["kind"], "amount": 150}), "k%d" % n,
                             partition=n % order["partitions"], headers={"kind": order["kind"]},
                             on_delivery=lambda err, _: failed.append(err) if err else None)
        if producer.flush(LIMIT_S) > 0 or failed:
            raise SystemExit("not delivered: %s" % failed[:1])

    def produce(self, order):
        if order["kind"] == "plain":
            self.send(self.plain, order)
            return
        if self.transactional is None:
            from confluent_kafka import Producer as Confluent
            self.transactional = Confluent(dict(self.brokers, **{"transactional.id": order["produce"]}))
            self.transactional.init_transactions(LIMIT_S)
        self.transactional.begin_transaction()
        self.send(self.transactional, order)
        if order["kind"] == "committed":
            self.transactional.commit_transaction(LIMIT_S)
        else:
            self.transactional.abort_transaction(LIMIT_S)

    def offsets(self, group, topic, partitions, look):
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer(dict(self.brokers, **{"group.id": group}))
        found = look(consumer, [TopicPartition(topic, n) for n in range(partitions)])
        consumer.close()
        return {"offsets": found}

    def obey(self, order):
        if "create" in order:
            self.create(order["create"], order["partitions"])
        elif "produce" in order:
            self.produce(order)
        elif "committed" in order:
            return self.offsets(order["committed"], order["topic"], order["partitions"],
                                lambda consumer, at: [p.offset for p in consumer.committed(at, LIMIT_S)])
        else:
            return self.offsets("ends", order["ends"], order["partitions"],
                                lambda consumer, at: [consumer.get_watermark_offsets(p, LIMIT_S)[1] for p in at])
        return {}


def main():
    client = Client(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(client.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
