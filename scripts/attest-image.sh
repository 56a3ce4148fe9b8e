#!/bin/sh
# Runs `neko-trust attest-image` of this checkout with a Node that is new enough; all arguments are passed on.
set -eu
file=$0
while [ -L "$file" ]; do
  link=$(readlink "$file")
  case $link in /*) file=$link ;; *) file=$(dirname "$file")/$link ;; esac
done
root=$(CDPATH="" cd -- "$(dirname -- "$file")/.." && pwd)
exec "$root/dev/node.sh" "$root/bin/neko-trust.mjs" attest-image "$@"
