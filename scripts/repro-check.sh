#!/bin/sh
# Builds an image and its parts twice and compares every byte: `neko-trust repro-check`, which has all options (--help).
set -eu
# Where this file itself lies, also when it is called through symbolic links.
self=$(readlink -f -- "$0")
root=$(dirname -- "$(dirname -- "$self")")
exec "$root/dev/node.sh" "$root/bin/neko-trust.mjs" repro-check "$@"
