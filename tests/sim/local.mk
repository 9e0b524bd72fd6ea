# tests/sim: random pipelines in a simulated world, judged by a model; see README.md there.
if HAVE_CMOCKA
check_PROGRAMS += tests/sim/sim
TESTS += tests/sim/sim.sh
endif
tests_sim_sim_SOURCES = tests/sim/sim.c tests/sim/run.h tests/sim/script.c tests/sim/script.h tests/sim/life.c \
	tests/sim/feed.c tests/sim/rot.c tests/sim/server.c tests/sim/server.h tests/sim/kept_log.c tests/sim/kept_log.h \
	$(PUSHER)
tests_sim_sim_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_sim_sim_LDADD = $(TEST_LIBS)
EXTRA_DIST += tests/sim/README.md tests/sim/sim.sh tests/sim/run.py tests/sim/shrink.py tests/sim/generate.py \
	tests/sim/data.py tests/sim/case_files.py tests/sim/expressions.py tests/sim/operators.py tests/sim/sources.py \
	tests/sim/model.py tests/sim/verdict.py

# make check-sim SEED=7: that run again; without SEED the runs that check.sh makes.
check-sim: tests/sim/sim
	SEED="$(SEED)" srcdir="$(srcdir)" "$(srcdir)/tests/sim/sim.sh"
# Run after run until it is stopped.
soak: tests/sim/sim
	SOAK=1 SEED="$(SEED)" srcdir="$(srcdir)" "$(srcdir)/tests/sim/sim.sh"
.PHONY: check-sim soak
