#!/usr/bin/env bash
# Checks an image layout that was built: one image of the platform, of the revision, every blob hashing to its name, and no
# file that a registry would not give back.
# Usage: check-layout.sh LAYOUT PLATFORM REVISION
set -euo pipefail
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r --no-preserve=mode "$1" "$copy/layout"
# The form that finish-layout.sh gives is its own fixed point.
bash "$(dirname "$0")/finish-layout.sh" "$copy/layout" "${2#linux/}" "$3"
diff --recursive --brief "$1" "$copy/layout"
