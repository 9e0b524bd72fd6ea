# Unit tests of record.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_value tests/unit/test_schema tests/unit/test_json_text \
	tests/unit/test_json_extract tests/unit/test_codec_json tests/unit/test_envelope
TESTS += tests/unit/test_value tests/unit/test_schema tests/unit/test_json_text \
	tests/unit/test_json_extract tests/unit/test_codec_json tests/unit/test_envelope
endif
tests_unit_test_value_SOURCES = tests/unit/test_value.c
tests_unit_test_value_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_value_LDADD = $(TEST_LIBS)
tests_unit_test_schema_SOURCES = tests/unit/test_schema.c
tests_unit_test_schema_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_schema_LDADD = $(TEST_LIBS)
tests_unit_test_json_text_SOURCES = tests/unit/test_json_text.c
tests_unit_test_json_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_json_text_LDADD = $(TEST_LIBS)
tests_unit_test_json_extract_SOURCES = tests/unit/test_json_extract.c
tests_unit_test_json_extract_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_json_extract_LDADD = $(TEST_LIBS)
tests_unit_test_codec_json_SOURCES = tests/unit/test_codec_json.c
tests_unit_test_codec_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_codec_json_LDADD = $(TEST_LIBS)
tests_unit_test_envelope_SOURCES = tests/unit/test_envelope.c
tests_unit_test_envelope_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_envelope_LDADD = $(TEST_LIBS)
