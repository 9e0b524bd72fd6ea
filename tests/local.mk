EXTRA_DIST += tests/check.sh tests/packages.sh tests/packages.list tests/plain.list tests/tsan.list

TESTS += tests/unit/test_tidy.sh tests/unit/test_terminal.sh
EXTRA_DIST += tests/unit/test_tidy.sh tests/unit/test_terminal.sh tests/unit/test_terminal.py
