# tests/crash: kill -9 at random moments, damaged snapshots and logs; what is promised of each source to each sink.
TESTS += tests/crash/crash.sh tests/crash/cells.sh
EXTRA_DIST += tests/crash/crash.sh tests/crash/crash.py tests/crash/damage.py tests/crash/jobs.py \
	tests/crash/lives.py tests/crash/cells.sh tests/crash/cells.py tests/crash/cell_columns.py \
	tests/crash/cell_records.py tests/crash/cell_rows.py tests/crash/promises.py

# make crash KILLS=1000 SEED=7: more of it. make cells KILLS=50 likewise, of each delivery.
crash cells: tidemark
	KILLS="$(KILLS)" SEED="$(SEED)" srcdir="$(srcdir)" "$(srcdir)/tests/crash/$@.sh"
.PHONY: crash cells
