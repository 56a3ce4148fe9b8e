#!/bin/sh
# signer-parts.sh FOLDER: what the signer's disk is measured by, into FOLDER: its unified kernel image and the model's name.
set -eu
folder=$1
mkdir -p "$folder"
nix build .#signer-uki --no-update-lock-file --print-build-logs --out-link uki
# One file, or there would be a choice of what is measured: cp refuses several.
cp uki/*.efi "$folder/uki.efi"
nix eval --raw .#signer-image.measurementModel >"$folder/model"
