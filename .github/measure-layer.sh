#!/bin/sh
# measure-layer.sh FOLDER OUTPUT: computes what a machine measures that boots the one layer of FOLDER/layout, a signer's disk.
# What is measured are the bytes that are pushed, not a file beside them.
set -eu
folder=$1 output=$2
blobs=$folder/layout/blobs/sha256
blob() { jq --exit-status --raw-output "$1 | if length == 1 then .[0].digest[7:] else error(\"not one\") end" "$2"; }
manifest=$(blob .manifests "$folder/layout/index.json")
disk=$(blob .layers "$blobs/$manifest")
scripts/neko-trust measure-signer "$blobs/$disk" --uki "$folder/uki.efi" --model "$(cat "$folder/model")" --output "$output"
