#!/bin/sh
# packages.sh NAME...: installs the Debian packages that are missing, as root or through sudo.
set -eu
missing=
for name in "$@"; do
  case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true) in
  "install ok installed") ;;
  *) missing="$missing $name" ;;
  esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1; then
  as_root=sudo
else
  echo "these packages are missing and only root can install them:$missing" >&2
  exit 77
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq update >/dev/null
# shellcheck disable=SC2086 # a list of names
$as_root apt-get -qq install --yes --no-install-recommends $missing >/dev/null
