#!/bin/sh
# Runs `neko-trust attest-image` of this checkout; all arguments are passed on (--help lists them).
set -eu
# Where this file itself lies, also when it is called through symbolic links.
self=$(readlink -f -- "$0")
root=$(dirname -- "$(dirname -- "$self")")
exec "$root/dev/node.sh" "$root/bin/neko-trust.mjs" attest-image "$@"
