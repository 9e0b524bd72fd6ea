# tests/bench: `make bench` measures; ROUNDS=5 says how often each program runs. `make bench-intake` is its last part.
EXTRA_PROGRAMS += tests/bench/gen tests/bench/bare tests/bench/http_load
tests_bench_gen_SOURCES = tests/bench/gen.c
tests_bench_bare_SOURCES = tests/bench/bare.cc
tests_bench_bare_LDADD = $(SIMDJSON_LIBS)
tests_bench_http_load_SOURCES = tests/bench/http_load.c
EXTRA_DIST += tests/bench/README.md tests/bench/bench.py tests/bench/w1.yaml tests/bench/w2.yaml \
	tests/bench/w3.yaml tests/bench/w4.yaml tests/bench/pause.yaml tests/bench/idle.yaml \
	tests/bench/intake.py tests/bench/http-w1.yaml tests/bench/http-w3.yaml tests/bench/tail-w1.yaml \
	tests/bench/tail-delay.yaml
EXTRA_PROGRAMS += tests/bench/kafka_load
tests_bench_kafka_load_SOURCES = tests/bench/kafka_load.c
tests_bench_kafka_load_CFLAGS = $(AM_CFLAGS) $(RDKAFKA_CFLAGS)
tests_bench_kafka_load_LDADD = $(RDKAFKA_LIBS)
EXTRA_DIST += tests/bench/kafka.py tests/bench/k1.yaml tests/bench/k3.yaml tests/bench/k3-latency.yaml \
	tests/bench/peers/streams/pom.xml tests/bench/peers/streams/K3.java
CLEANFILES += $(EXTRA_PROGRAMS)

# Builds with sanitizers measure the sanitizers.
BENCH_ABLE = if test -n "$(TM_SAN)"; then echo 'bench: configure without sanitizers first' >&2; exit 1; fi
BENCH_RUN = BENCH_DIR="$${BENCH_DIR:-$(abs_builddir)/bench.work}" ROUNDS="$${ROUNDS:-5}" python3 "$(srcdir)/tests/bench
bench: tidemark$(EXEEXT) tests/bench/gen$(EXEEXT) tests/bench/bare$(EXEEXT)
	@$(BENCH_ABLE)
	$(BENCH_RUN)/bench.py" ./tidemark ./tests/bench/gen ./tests/bench/bare
	$(MAKE) $(AM_MAKEFLAGS) bench-intake
bench-intake: tidemark$(EXEEXT) tests/bench/gen$(EXEEXT) tests/bench/http_load$(EXEEXT)
	@$(BENCH_ABLE)
	$(BENCH_RUN)/intake.py" ./tidemark ./tests/bench/gen ./tests/bench/http_load
bench-kafka: tidemark$(EXEEXT) tests/bench/gen$(EXEEXT) tests/bench/kafka_load$(EXEEXT)
	@$(BENCH_ABLE)
	$(BENCH_RUN)/kafka.py" ./tidemark ./tests/bench/gen ./tests/bench/kafka_load
.PHONY: bench bench-intake bench-kafka
