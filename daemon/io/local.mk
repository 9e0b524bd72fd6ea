# daemon/io: sources are added to libtidemark_a_SOURCES here.
libtidemark_a_SOURCES += \
	daemon/io/address.c daemon/io/address.h \
	daemon/io/clock.c daemon/io/clock.h \
	daemon/io/clock_real.c \
	daemon/io/clock_sim.c daemon/io/clock_sim.h \
	daemon/io/datagram.c daemon/io/datagram.h \
	daemon/io/datagram_real.c \
	daemon/io/datagram_sim.c daemon/io/datagram_sim.h \
	daemon/io/disk.c daemon/io/disk.h \
	daemon/io/disk_real.c \
	daemon/io/disk_sim.c daemon/io/disk_sim.h \
	daemon/io/exec.c daemon/io/exec.h \
	daemon/io/exec_real.c \
	daemon/io/exec_sim.c daemon/io/exec_sim.h \
	daemon/io/fetch.c daemon/io/fetch.h \
	daemon/io/fetch_real.c \
	daemon/io/fetch_sim.c daemon/io/fetch_sim.h \
	daemon/io/fifo.c daemon/io/fifo.h \
	daemon/io/frozen_real.c \
	daemon/io/io.h \
	daemon/io/io_real.c \
	daemon/io/io_sim.c daemon/io/io_sim.h \
	daemon/io/kafka.c daemon/io/kafka.h \
	daemon/io/kafka_real.c daemon/io/kafka_real.h \
	daemon/io/kafka_real_client.c \
	daemon/io/kafka_real_consumer.c \
	daemon/io/kafka_real_positions.c \
	daemon/io/kafka_real_producer.c \
	daemon/io/kafka_real_settings.c \
	daemon/io/kafka_real_transaction.c \
	daemon/io/kafka_sim.c daemon/io/kafka_sim.h daemon/io/kafka_sim_impl.h \
	daemon/io/kafka_sim_consumer.c \
	daemon/io/kafka_sim_producer.c \
	daemon/io/kafka_sim_settings.c \
	daemon/io/lock_holder.c daemon/io/lock_holder.h \
	daemon/io/loop.c daemon/io/loop.h \
	daemon/io/loop_real.c daemon/io/loop_real.h \
	daemon/io/loop_sim.c daemon/io/loop_sim.h \
	daemon/io/memory.h \
	daemon/io/memory_real.c \
	daemon/io/names.c daemon/io/names.h \
	daemon/io/net.c daemon/io/net.h \
	daemon/io/net_real.c \
	daemon/io/net_sim.c daemon/io/net_sim.h \
	daemon/io/notify.c daemon/io/notify.h \
	daemon/io/notify_real.c \
	daemon/io/notify_sim.c daemon/io/notify_sim.h \
	daemon/io/pool_real.c \
	daemon/io/process.c daemon/io/process.h \
	daemon/io/process_real.c \
	daemon/io/process_sim.c daemon/io/process_sim.h \
	daemon/io/random.c daemon/io/random.h \
	daemon/io/sim_brokers.c daemon/io/sim_brokers.h \
	daemon/io/sim_group.c daemon/io/sim_group.h \
	daemon/io/sim_node.c \
	daemon/io/sim_tree.c daemon/io/sim_tree.h \
	daemon/io/socket_real.c daemon/io/socket_real.h \
	daemon/io/thread.h \
	daemon/io/usage.h \
	daemon/io/usage_real.c \
	daemon/io/watch.c daemon/io/watch.h \
	daemon/io/watch_real.c \
	daemon/io/watch_sim.c daemon/io/watch_sim.h
EXTRA_DIST += daemon/io/README.md
