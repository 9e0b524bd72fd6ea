#!/bin/sh
# The service under a real systemd: one of its own, process 1 in namespaces of its own, on an overlay of this machine's
# files. inside.sh is what happens there. Skipped where that cannot be: it needs root, systemd and cgroup v2.
set -u
here=$(CDPATH='' cd -- "${srcdir:-.}/tests/systemd" && pwd)
. "${srcdir:-.}/tests/unit/cli_place.sh"
skip() {
  echo "skipped: $*"
  exit 77
}
program=$(command -v tidemark)
[ "$(id -u)" -eq 0 ] || skip "not root"
[ -x /lib/systemd/systemd ] || skip "no systemd"
grep -qE '__[at]san_init' "$program" && skip "sanitizers do not fit the sandbox"
# The group is ours: whoever was in it when something went wrong is ended with it.
for unified in /sys/fs/cgroup /sys/fs/cgroup/unified ''; do
  [ -f "$unified/cgroup.procs" ] && [ "$(stat -f -c %T "$unified")" = cgroup2fs ] && break
done
group=$unified/tidemark-test-$$
[ -n "$unified" ] && mkdir "$group" 2>/dev/null || skip "no cgroup v2"
trap 'find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; rm -rf "$place"' EXIT
unshare --mount true 2>/dev/null || skip "no namespaces"

mkdir -p up work root share
cp "$program" share/tidemark
cp "$here/inside.sh" "$source/daemon/systemd/tidemark.conf" share
sed 's|@bindir@|/usr/local/bin|g' "$source/daemon/systemd/tidemark.service.in" >share/tidemark.service
cat >boot.sh <<'END'
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs up
mkdir up/up up/work
mount -t overlay overlay -o "lowerdir=/,upperdir=up/up,workdir=up/work" root || { echo overlay >share/skip; exit 1; }
mount -t proc proc root/proc
mount --bind root/proc/sys root/proc/sys
mount -o remount,bind,ro root/proc/sys
mount -t sysfs -o ro sysfs root/sys
mount -t tmpfs -o mode=755 tmpfs root/dev
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty root/dev
mkdir root/dev/shm root/dev/pts root/dev/mqueue
mount -t tmpfs tmpfs root/dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs tmpfs root/run
mount -t tmpfs tmpfs root/tmp
mkdir root/tmp/share
mount --bind share root/tmp/share
units=root/etc/systemd/system
mkdir -p $units
for unit in systemd-logind systemd-networkd systemd-resolved systemd-timesyncd systemd-udevd; do
  ln -sf /dev/null $units/$unit.service
done
printf '[Unit]\nAfter=sysinit.target systemd-journald.service\n[Service]\nExecStart=/bin/sh /tmp/share/inside.sh\n' >$units/inside.service
printf 'StandardOutput=file:/tmp/share/out\nStandardError=inherit\n' >>$units/inside.service
printf '[Unit]\nRequires=sysinit.target inside.service\nAfter=sysinit.target\n' >$units/inside.target
# Not chroot(1): from a changed root the kernel lets nobody make a user namespace.
cd root
mkdir tmp/before
pivot_root . tmp/before
umount -l /tmp/before
# As where it boots: mounts that services make (of credentials) reach the others.
mount --make-rshared /
exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=1 \
  /lib/systemd/systemd --unit=inside.target --log-target=journal --log-level=info
END
timeout -k 5 120 sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare --pid --fork --mount --uts --ipc --cgroup --net --kill-child sh boot.sh' \
  sh "$group" >boot.log 2>&1
status=$?
[ -f share/skip ] && skip "$(cat share/skip) does not work: $(cat boot.log)"
if [ "$(cat share/result 2>/dev/null)" != good ]; then
  echo "status $status"
  cat boot.log share/out
  exit 1
fi
exit 0
