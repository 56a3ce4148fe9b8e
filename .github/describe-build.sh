#!/bin/sh
# describe-build.sh LINK FOLDER: what a release says of the build that LINK leads to: closure, facts, SBOM and layout, in FOLDER.
set -eu
link=$1 folder=$2
mkdir "$folder"
nix path-info --json --recursive "./$link" >"$folder/path-info.json"
nix eval --json .#lib.release >"$folder/facts.json"
nix run .#sbom -- "./$link" --output "$folder/sbom.spdx.json"
cp --recursive --dereference "$link/" "$folder/layout"
