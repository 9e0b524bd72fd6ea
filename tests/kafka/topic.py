#!/usr/bin/env python3
"""Topics as somebody else than Tidemark sees them: Debian's confluent-kafka.

    topic.py BROKERS create TOPIC PARTITIONS [NAME=VALUE...]
    topic.py BROKERS read TOPIC       all committed records, as JSON lines: partition, offset, key, value, headers, time
    topic.py BROKERS forget GROUP TOPIC   what the group has committed for partition 0

From a suite: topic.py's call() runs it by a Python that has the module."""
import json
import os
import subprocess
import sys


def python():
    for candidate in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([candidate, "-c", "import confluent_kafka"], capture_output=True).returncode == 0:
            return candidate
    raise SystemExit("no python3 has confluent_kafka: install python3-confluent-kafka")


def call(brokers, *arguments):
    """What the command printed, as a list of records."""
    done = subprocess.run([python(), "-B", os.path.abspath(__file__), brokers, *map(str, arguments)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("topic.py %s: %s" % (" ".join(map(str, arguments)), done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()]


def create(brokers, topic, partitions, *settings):
    from confluent_kafka.admin import AdminClient, NewTopic
    made = NewTopic(topic, int(partitions), 1, config=dict(setting.split("=", 1) for setting in settings))
    admin = AdminClient({"bootstrap.servers": brokers})  # lives until it has answered
    for future in admin.create_topics([made]).values():
        future.result()


def text(data):
    return None if data is None else data.decode("utf-8", "backslashreplace")


def read(brokers, topic):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "isolation.level": "read_committed",
                         "enable.auto.commit": False, "enable.partition.eof": True,
                         "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    left = len(partitions)
    while left > 0:
        message = consumer.poll(60)
        if message is None:
            raise SystemExit("nothing came within a minute")
        if message.error():
            left -= 1  # the end of a partition
            continue
        headers = {name: text(value) for name, value in message.headers() or []}
        print(json.dumps({"partition": message.partition(), "offset": message.offset(), "key": text(message.key()),
                          "value": text(message.value()), "headers": headers, "time": message.timestamp()[1]}))
    consumer.close()


def forget(brokers, group, topic):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    {"create": create, "read": read, "forget": forget}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
