#!/bin/sh
# Makes, in the directory named, the keys and certificates that the tests compare with OpenSSH's own.
# They are made anew for each run: no private key is kept.
set -eu
cd "$1"

key() { ssh-keygen -q -N '' -C "$1" -f "$1" -t "$2" -b "$3"; }

key ca ed25519 256
ssh-keygen -q -N 'a passphrase' -C encrypted -f encrypted -t ed25519
key ed25519 ed25519 256
key ecdsa-256 ecdsa 256
key ecdsa-384 ecdsa 384
key ecdsa-521 ecdsa 521
key rsa-3072 rsa 3072
key rsa-2048 rsa 2048

for kind in ed25519 ecdsa-256 ecdsa-384 rsa-3072; do
    ssh-keygen -q -s ca -I "sallyport v1 $kind" -n u:01,mara.lind -z 7 -V 20270115080000Z:20270116080000Z \
        -O force-command=uptime -O source-address=10.0.0.0/8,2001:db8::/32 "$kind.pub"
    mv "$kind-cert.pub" "user-$kind.cert"
    ssh-keygen -q -s ca -h -I "sallyport v1 $kind" -n web-1.corp.test,web-1 -z 8 -V 20270115080000Z:20270116080000Z "$kind.pub"
    mv "$kind-cert.pub" "host-$kind.cert"
done
