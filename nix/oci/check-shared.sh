#!/usr/bin/env bash
# Checks that an image is on top of another: its first layers are all of that one's, blob for blob, and it has more.
# Usage: check-shared.sh LAYOUT BASE
set -euo pipefail
layers() {
  local manifest
  manifest=$(jq -r '.manifests[0].digest' "$1/index.json")
  jq -c '[.layers[].digest]' "$1/blobs/sha256/${manifest#sha256:}"
}
own=$(layers "$1")
base=$(layers "$2")
jq -en --argjson own "$own" --argjson base "$base" \
  '($base | length) as $count | $count > 0 and $own[:$count] == $base and ($own | length) > $count' >/dev/null || {
  echo "check-shared: the image does not start with the base image's layers" >&2
  exit 1
}
