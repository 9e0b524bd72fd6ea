# Kafka, on a real broker: broker.py brings it and starts it.
EXTRA_DIST += tests/kafka/broker.py tests/kafka/pom.xml tests/kafka/README.md tests/kafka/topic.py tests/kafka/producer.py
if HAVE_CMOCKA
check_PROGRAMS += tests/kafka/test_io_kafka tests/kafka/test_io_kafka_group
TESTS += tests/kafka/test_io_kafka.sh tests/kafka/test_io_kafka_group.sh
endif
EXTRA_DIST += tests/kafka/test_io_kafka.sh tests/kafka/test_io_kafka_group.sh
kafka_world = tests/kafka/kafka_world.c tests/kafka/kafka_world.h tests/unit/io_world.c tests/unit/io_world.h
tests_kafka_test_io_kafka_SOURCES = tests/kafka/test_io_kafka.c $(kafka_world)
tests_kafka_test_io_kafka_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_kafka_test_io_kafka_LDADD = $(TEST_LIBS)
tests_kafka_test_io_kafka_group_SOURCES = tests/kafka/test_io_kafka_group.c $(kafka_world)
tests_kafka_test_io_kafka_group_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_kafka_test_io_kafka_group_LDADD = $(TEST_LIBS)

# What the broker leaves: data, and what it is made of.
clean-local: clean-kafka
clean-kafka:
	rm -rf kafka-broker
.PHONY: clean-kafka
