# tests/crash: kill -9 at random moments, damaged snapshots and logs.
TESTS += tests/crash/crash.sh
EXTRA_DIST += tests/crash/crash.sh tests/crash/crash.py tests/crash/damage.py tests/crash/jobs.py \
	tests/crash/lives.py

# make crash KILLS=1000 SEED=7: more of it.
crash: tidemark
	KILLS="$(KILLS)" SEED="$(SEED)" srcdir="$(srcdir)" "$(srcdir)/tests/crash/crash.sh"
.PHONY: crash
