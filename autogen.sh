#!/bin/sh
# Makes ./configure from configure.ac and Makefile.am (needs autoconf, automake, pkg-config).
set -e
cd "$(dirname "$0")"
exec autoreconf --install --warnings=all
