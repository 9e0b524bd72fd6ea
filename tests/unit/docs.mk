# What is documented is true: examples run, commands answer as they say, codes of errors are known.
DOC_TESTS = tests/unit/test_readme.sh tests/unit/test_reference.sh tests/unit/test_commands.sh \
	tests/unit/test_dashboards.sh tests/unit/test_examples.sh tests/unit/test_record_errors.sh tests/unit/test_messages.sh
TESTS += $(DOC_TESTS)
EXTRA_DIST += $(DOC_TESTS) tests/unit/cli_place.sh
