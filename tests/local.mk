EXTRA_DIST += tests/check.sh tests/packages.sh tests/packages.list tests/plain.list tests/tsan.list

TESTS += tests/unit/test_tidy.sh tests/unit/test_terminal.sh
EXTRA_DIST += tests/unit/test_tidy.sh tests/unit/test_terminal.sh tests/unit/test_terminal.py
# Of all kinds of components; tests/unit/{sources,transforms,sinks}.mk have the harness of each.
COMPONENT_HARNESS = tests/contract/component_harness.c tests/contract/component_harness.h
