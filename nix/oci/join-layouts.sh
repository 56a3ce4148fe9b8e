#!/usr/bin/env bash
# Joins the layouts of several platforms' images into one, with their image index; platforms in order, keys sorted
# (src/core/oci/layout-builder.ts writes the same bytes).
# Usage: join-layouts.sh OUTPUT LAYOUT…
set -euo pipefail
output=$1
shift
mkdir -p "$output/blobs/sha256"

entries=$(
  for layout in "$@"; do
    manifest=$(jq -r '.manifests[0].digest' "$layout/index.json")
    config=$(jq -r '.config.digest' "$layout/blobs/sha256/${manifest#sha256:}")
    jq -c --slurpfile config "$layout/blobs/sha256/${config#sha256:}" \
      '.manifests[0] | {mediaType, digest, size, platform: ($config[0] | {os, architecture, variant} | with_entries(select(.value != null)))}' \
      "$layout/index.json"
    cp --no-preserve=mode "$layout"/blobs/sha256/* "$output/blobs/sha256/"
  done
)
name='[.platform.os, .platform.architecture, .platform.variant] | map(select(. != null)) | join("/")'
jq -Scsj "if (map($name) | unique | length) != length then error(\"two images for one platform\") else
  {schemaVersion: 2, mediaType: \"application/vnd.oci.image.index.v1+json\", manifests: sort_by($name)} end" \
  <<<"$entries" >"$output/index"
digest=$(sha256sum "$output/index" | cut -d ' ' -f 1)
size=$(stat -c %s "$output/index")
mv "$output/index" "$output/blobs/sha256/$digest"
printf '{"manifests":[{"digest":"sha256:%s","mediaType":"application/vnd.oci.image.index.v1+json","size":%s}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}' \
  "$digest" "$size" >"$output/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$output/oci-layout"
