#!/bin/sh
# The client of Kafka on a broker that is killed: not the one that all suites share.
exec python3 -B "${srcdir:-.}/tests/kafka/broker.py" kafka-broker/group run tests/kafka/test_io_kafka_group
