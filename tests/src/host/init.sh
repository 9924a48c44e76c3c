# The first process of a fake host, in new mount, pid, net, uts and ipc namespaces:
# init.sh LAB NAME FQDN BIN DISK, with an empty environment but for PATH. Says "ready PID" and stays.
# LAB/ is in our command line also as a mark for the sweeper.
set -eu
LAB=$1 NAME=$2 FQDN=$3 BIN=$4 DISK=$5

# /proc is still the outer one, so this is our process id as seen from outside.
read -r pid rest </proc/self/stat
echo "$pid" >"$LAB/$NAME.pid"
echo "$FQDN" >/proc/sys/kernel/hostname

# The disk: the machine's own file system, with a small writable layer in memory over it.
disk=$LAB/$NAME.disk
mkdir -p "$disk"
mount -t tmpfs -o "size=$DISK,mode=755" disk "$disk"
mkdir "$disk/upper" "$disk/work" "$disk/root"
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" overlay "$disk/root"
cd "$disk/root"

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t tmpfs -o nosuid,mode=755,size=1m dev dev
mount -t tmpfs -o nosuid,nodev,mode=755,size=64m run run
mount -t tmpfs -o nosuid,nodev,mode=1777,size=64m tmp tmp
# Nobody's homes: neither files of the machine's people nor their names.
mount -t tmpfs -o mode=755,size=64m home home
mount -t tmpfs -o mode=700,size=64m root root

# Without a /dev of its own, the overlay makes /dev/null a plain file at the first write.
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777,size=64m shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

# Our programs, as an installed system has them; read-only, and wherever on the machine they were built.
mkdir -p run/lock run/sshd usr/local/lib/sallyport
mount --bind "$BIN" usr/local/lib/sallyport
mount -o remount,bind,ro usr/local/lib/sallyport
for program in sallyport sallyport-ca sallyport-host entra-sim; do
    ln -sf "../lib/sallyport/$program" "usr/local/bin/$program"
done

# From here on the machine outside is out of sight.
mkdir run/outside
pivot_root . run/outside
cd /
umount -l run/outside
rmdir run/outside

# What a freshly installed Debian has, and nothing of the machine that lends us its files.
for file in passwd group; do
    [ ! -f "/etc/$file" ] || awk -F: '$3 < 1000 || $3 >= 65534' "/etc/$file" >"/run/$file"
done
for pair in passwd:shadow group:gshadow; do
    open=${pair%:*} closed=${pair#*:}
    [ ! -f "/etc/$closed" ] || awk -F: 'NR == FNR { known[$1]; next } $1 in known' "/run/$open" "/etc/$closed" >"/run/$closed"
done
for file in passwd group shadow gshadow; do
    # cat, because that keeps owner and mode.
    [ ! -f "/run/$file" ] || cat "/run/$file" >"/etc/$file"
    rm -f "/run/$file" "/etc/$file-"
done
: >/etc/subuid
: >/etc/subgid
: >/etc/resolv.conf
echo "$FQDN" >/etc/hostname
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
rm -rf /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d /etc/ssh/sallyport /etc/sallyport* /var/lib/sallyport* /etc/ssh/ssh_config.d
mkdir -p /etc/ssh/sshd_config.d /etc/ssh/ssh_config.d
[ ! -f /usr/share/openssh/sshd_config ] || cat /usr/share/openssh/sshd_config >/etc/ssh/sshd_config
find /etc/sudoers.d -type f ! -name README -delete
: >/run/utmp

echo "ready $pid"
# A shell that waits takes the orphans' ends, too, as the first process must. It holds none of our caller's files.
exec sh -c 'exec >/dev/null 2>&1; trap : CHLD TERM HUP INT; while :; do sleep 86400 & wait; done' "$LAB " "$NAME"
