#!/bin/sh
# Quantizes one checkpoint on several machines that ssh reaches and that share a disk:
#
#   share/octet/local/quantize.sh HOSTS PARTS INPUT OUT [options of octet quantize]
#
# HOSTS is a file of GNU parallel's --sshloginfile: a host a line, `2/host` for two parts at a time
# there, `:` for this machine. A part whose host fails is done again on another one, three times in
# all; parts that are done are not done twice. The bytes are those of `octet quantize INPUT OUT` on
# one machine. See docs/ssh.md.
#
#   OCTET   the program on every host (default: octet)
set -eu
if [ $# -lt 4 ]; then
    echo "usage: quantize.sh HOSTS PARTS INPUT OUT [options of octet quantize]" >&2
    exit 2
fi
octet=${OCTET:-octet}
hosts=$1 parts=$2
shift 2

# parallel gives the command to a shell on each host: words are quoted for it.
words=
for word in "$octet" quantize "$@"; do
    words="$words '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"
done
seq "$parts" | parallel --sshloginfile "$hosts" --retries 3 --halt soon,fail=1 --line-buffer \
    "$words --part {}/$parts"
exec "$octet" join "$2"
