# Sourced by tests of the program: an empty folder of their own, the program found as `tidemark`, and `complain`.
# $source is the tree, absolute.
source=$(CDPATH='' cd -- "${srcdir:-.}" && pwd)
PATH=$(pwd):$PATH
place=$(mktemp -d) || exit 99
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 99
bad=0
complain() {
  echo "$*"
  bad=1
}
