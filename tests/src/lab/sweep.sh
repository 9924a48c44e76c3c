# Takes away what is left of a lab: sweep.sh FOLDER [LOCK].
# Waits for the end of its input first, which comes with the end of the lab's owner, however that ends.
# Networks and mounts need no sweeping: they belong to the hosts' processes and go with them.
cat >/dev/null
for file in "$1"/*.pid; do
    [ -f "$file" ] || continue
    read -r pid <"$file" || continue
    # Only if it is still ours: process ids come again.
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -F -e "$1 "; then
        kill -KILL "$pid"
    fi
done
rm -rf --one-file-system -- "$1"
# The claim itself, while it is still held: whoever waits with the old file finds that another has its name (slot.rs).
if [ -n "${2-}" ]; then
    rm -f -- "$2"
    rmdir -- "${1%/*}" 2>/dev/null || true
fi
