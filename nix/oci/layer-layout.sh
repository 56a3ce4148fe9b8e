#!/usr/bin/env bash
# Makes an OCI layout directory of an image whose one layer is a given compressed tar, in the form that a verifier writes
# too (src/core/oci/layout-files.ts).
# Usage: layer-layout.sh OUTPUT LAYER.tar.gz ARCHITECTURE CREATED LABELS
set -euo pipefail
output=$1 layer=$2 architecture=$3 created=$4 labels=$5
mkdir -p "$output/blobs/sha256"

sha256() { sha256sum "$@" | cut -c 1-64; }
# FILE → its digest, kept under its name.
keep() {
  local hex
  hex=$(sha256 "$1")
  cp --no-preserve=mode "$1" "$output/blobs/sha256/$hex"
  echo "sha256:$hex"
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

content=$(gzip --decompress --stdout "$layer" | sha256)
jq -Sncj --arg architecture "$architecture" --arg created "$created" --arg content "sha256:$content" --argjson labels "$labels" \
  '{architecture: $architecture, config: {Labels: ($labels | with_entries(select(.value != null)))}, created: $created, os: "linux",
    rootfs: {diff_ids: [$content], type: "layers"}}' >"$work/config"
config=$(keep "$work/config")
layer_digest=$(keep "$layer")
jq -Sncj --arg config "$config" --argjson config_size "$(stat -c %s "$work/config")" \
  --arg layer "$layer_digest" --argjson layer_size "$(stat -Lc %s "$layer")" \
  '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
    layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $layer, size: $layer_size}]}' >"$work/manifest"
manifest=$(keep "$work/manifest")
jq -Sncj --arg digest "$manifest" --argjson size "$(stat -c %s "$work/manifest")" \
  '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size}]}' >"$output/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$output/oci-layout"
