#!/usr/bin/env bash
# Boots systemd in the namespaces that it is started in (mount, pid, uts, ipc, cgroup; the network is
# the caller's), on a copy-on-write view of this machine's files. Nothing that it writes reaches the
# machine: all of it is in a tmpfs of the mount namespace.
#
#     boot.sh FOLDER UNIT...    FOLDER/files is laid over the machine's files, the units are enabled
set -euo pipefail
folder=$1
shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$folder/machine"
cd "$folder/machine"
mkdir upper work root
mount -t overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" overlay root
# What changes below would show through; and tests change /etc of this machine (ip-netns(8)).
cp -a /etc etc
rm -rf etc/netns
mount --bind etc root/etc
cd root

# Only what a test has asked for is enabled; what this machine runs is none of its business.
rm -rf etc/init.d etc/rc?.d etc/cron.* etc/systemd/system/*.wants etc/resolvconf etc/dhcp
find etc/systemd/system -mindepth 1 -maxdepth 1 -type l -delete
rm -rf lib/systemd/system/multi-user.target.wants/* lib/systemd/system/sysinit.target.wants/*
ln -s ../systemd-journald.service lib/systemd/system/sysinit.target.wants/
for unit in systemd-udevd.service systemd-update-utmp.service systemd-firstboot.service \
  systemd-journal-flush.service apt-daily.timer ldconfig.service systemd-remount-fs.service; do
  ln -sf /dev/null "etc/systemd/system/$unit"
done
# Packages bring a folder /lib, which is a link here.
tar -C "$folder/files" -c . | tar -x --keep-directory-symlink --no-same-owner
systemd-sysusers --root="$PWD"
[ $# = 0 ] || systemctl --quiet --root="$PWD" enable "$@"
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
: >etc/fstab

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/shm dev/pts
for device in null zero full random urandom tty net/tun; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2 ptmx:pts/ptmx; do
  ln -s "${link#*:}" "dev/${link%%:*}"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm

hostname vm
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
exec env -i container=nodens-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=journal --log-level=notice --show-status=false
