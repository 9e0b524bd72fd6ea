# tests/fuzz: see README.md. In an ordinary build each target replays its corpus; with --enable-fuzz it is libFuzzer's.
FUZZ_TARGETS = tests/fuzz/http tests/fuzz/records tests/fuzz/json tests/fuzz/envelope tests/fuzz/gzip \
	tests/fuzz/config tests/fuzz/expr tests/fuzz/wal tests/fuzz/log_record tests/fuzz/snapshot tests/fuzz/state
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/fuzz.sh tests/fuzz/corpus tests/fuzz/http.dict \
	tests/fuzz/json.dict tests/fuzz/config.dict tests/fuzz/expr.dict
if FUZZ
FUZZ_COMMON = tests/fuzz/fuzz.c tests/fuzz/fuzz.h
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_COMMON = tests/fuzz/fuzz.c tests/fuzz/fuzz.h tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
if HAVE_CMOCKA
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif
endif

tests_fuzz_http_SOURCES = tests/fuzz/http.c $(HTTP_PIECES) $(FUZZ_COMMON)
tests_fuzz_http_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_http_LDADD = $(TEST_LIBS)
tests_fuzz_records_SOURCES = tests/fuzz/records.c $(FUZZ_COMMON)
tests_fuzz_records_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_records_LDADD = $(TEST_LIBS)
tests_fuzz_json_SOURCES = tests/fuzz/json.c $(FUZZ_COMMON)
tests_fuzz_json_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_json_LDADD = $(TEST_LIBS)
tests_fuzz_envelope_SOURCES = tests/fuzz/envelope.c $(FUZZ_COMMON)
tests_fuzz_envelope_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_envelope_LDADD = $(TEST_LIBS)
tests_fuzz_gzip_SOURCES = tests/fuzz/gzip.c $(FUZZ_COMMON)
tests_fuzz_gzip_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_gzip_LDADD = $(TEST_LIBS)
tests_fuzz_config_SOURCES = tests/fuzz/config.c $(FUZZ_COMMON)
tests_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_config_LDADD = $(TEST_LIBS)
tests_fuzz_expr_SOURCES = tests/fuzz/expr.c $(FUZZ_COMMON)
tests_fuzz_expr_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_expr_LDADD = $(TEST_LIBS)
tests_fuzz_wal_SOURCES = tests/fuzz/wal.c $(FUZZ_COMMON)
tests_fuzz_wal_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_wal_LDADD = $(TEST_LIBS)
tests_fuzz_log_record_SOURCES = tests/fuzz/log_record.c $(FUZZ_COMMON)
tests_fuzz_log_record_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_log_record_LDADD = $(TEST_LIBS)
tests_fuzz_snapshot_SOURCES = tests/fuzz/snapshot.c $(FUZZ_COMMON)
tests_fuzz_snapshot_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_snapshot_LDADD = $(TEST_LIBS)
tests_fuzz_state_SOURCES = tests/fuzz/state.c $(FUZZ_COMMON)
tests_fuzz_state_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_state_LDADD = $(TEST_LIBS)

# make fuzz FUZZ_SECONDS=60: each target in turn; FUZZ=json: that one.
fuzz: $(FUZZ_TARGETS)
if FUZZ
	FUZZ="$(FUZZ)" FUZZ_SECONDS="$(FUZZ_SECONDS)" sh "$(srcdir)/tests/fuzz/fuzz.sh" "$(srcdir)" $(FUZZ_TARGETS)
else
	@echo 'fuzz: configure with --enable-fuzz first' >&2; exit 1
endif
.PHONY: fuzz
