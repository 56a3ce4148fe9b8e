#!/bin/sh
# sign-release.sh REFERENCE ATTRIBUTE "ARCH …": signs a release, and attests provenance, manifest and SBOMs.
# $SIGNING_CONFIG: a Sigstore instance of your own; the public one unless set.
set -eu
reference=$1 attribute=$2 architectures=$3
set -- ${SIGNING_CONFIG:+--signing-config "$SIGNING_CONFIG"}
scripts/sign-image.sh "$reference" "$@"
scripts/attest-image.sh "$reference" --provenance --attribute "$attribute" --flake-lock flake.lock "$@"
for architecture in $architectures; do set -- "$@" --sbom "linux/$architecture=$architecture/sbom.spdx.json"; done
scripts/attest-image.sh "$reference" --manifest release.json "$@"
