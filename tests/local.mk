EXTRA_DIST += tests/check.sh tests/packages.sh tests/packages.list tests/plain.list tests/tsan.list
