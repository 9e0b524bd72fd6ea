# tests/bench: `make bench` measures; ROUNDS=5 says how often each program runs.
EXTRA_PROGRAMS += tests/bench/gen tests/bench/bare
tests_bench_gen_SOURCES = tests/bench/gen.c
tests_bench_bare_SOURCES = tests/bench/bare.cc
tests_bench_bare_LDADD = $(SIMDJSON_LIBS)
EXTRA_DIST += tests/bench/README.md tests/bench/bench.py tests/bench/w1.yaml tests/bench/w2.yaml \
	tests/bench/w3.yaml tests/bench/w4.yaml tests/bench/pause.yaml tests/bench/idle.yaml
CLEANFILES += $(EXTRA_PROGRAMS)

# Builds with sanitizers measure the sanitizers.
bench: tidemark$(EXEEXT) tests/bench/gen$(EXEEXT) tests/bench/bare$(EXEEXT)
	@if test -n "$(TM_SAN)"; then echo 'bench: configure without sanitizers first' >&2; exit 1; fi
	BENCH_DIR="$${BENCH_DIR:-$(abs_builddir)/bench.work}" ROUNDS="$${ROUNDS:-5}" \
	  python3 "$(srcdir)/tests/bench/bench.py" ./tidemark ./tests/bench/gen ./tests/bench/bare
.PHONY: bench
