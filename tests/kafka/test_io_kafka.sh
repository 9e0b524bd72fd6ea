#!/bin/sh
# The client of Kafka on the broker that all suites share.
exec python3 -B "${srcdir:-.}/tests/kafka/broker.py" kafka-broker/shared run tests/kafka/test_io_kafka
