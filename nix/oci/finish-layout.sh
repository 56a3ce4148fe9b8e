#!/usr/bin/env bash
# Checks an OCI layout directory that skopeo wrote, and writes its index.json and oci-layout in the one form that a
# verifier writes too (src/core/oci/layout-files.ts: RFC 8785, nothing but the manifest), so that the folder is a function
# of the image's blobs alone.
# Usage: finish-layout.sh LAYOUT ARCHITECTURE REVISION
set -euo pipefail
layout=$1 architecture=$2 revision=$3

refuse() {
  echo "finish-layout: $1" >&2
  exit 1
}
blob() { echo "$layout/blobs/sha256/${1#sha256:}"; }

[ "$(jq '.manifests | length' "$layout/index.json")" = 1 ] || refuse "the layout must hold one image"
manifest=$(jq -r '.manifests[0].digest' "$layout/index.json")
config=$(jq -r '.config.digest' "$(blob "$manifest")")
[ "$(jq -r '.mediaType' "$(blob "$manifest")")" = application/vnd.oci.image.manifest.v1+json ] || refuse "the manifest must be OCI's"
jq -e 'all(.layers[]; .mediaType == "application/vnd.oci.image.layer.v1.tar+gzip")' "$(blob "$manifest")" >/dev/null ||
  refuse "every layer must be compressed with gzip"
[ "$(jq -r '"\(.os)/\(.architecture)"' "$(blob "$config")")" = "linux/$architecture" ] || refuse "the image must be for linux/$architecture"
[ "$(jq -r '.config.Labels["org.opencontainers.image.revision"]' "$(blob "$config")")" = "$revision" ] ||
  refuse "the image must be labelled with the revision $revision"

# What the image names, and nothing else.
wanted=$(jq -r '.config.digest, .layers[].digest' "$(blob "$manifest")" | cat - <(echo "$manifest") | sort -u)
found=$(cd "$layout/blobs/sha256" && for each in *; do echo "sha256:$each"; done | sort -u)
[ "$wanted" = "$found" ] || refuse "the layout holds other blobs than the image names"
for digest in $wanted; do
  echo "${digest#sha256:}  $(blob "$digest")" | sha256sum --check --quiet || refuse "$digest does not hash to its name"
done

# jq -S sorts keys as RFC 8785 does for names in ASCII, and all of these are.
jq -Scj '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [.manifests[0] | {mediaType, digest, size}]}' "$layout/index.json" >"$layout/index.json.new"
mv "$layout/index.json.new" "$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
find "$layout" -mindepth 1 -maxdepth 1 ! -name blobs ! -name index.json ! -name oci-layout -exec rm -rf {} +
