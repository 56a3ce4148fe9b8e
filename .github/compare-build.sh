#!/bin/sh
# compare-build.sh ATTRIBUTE LAYOUT: builds the flake's ATTRIBUTE here, and fails unless it is LAYOUT byte for byte.
set -eu
attribute=$1 layout=$2
nix build ".#$attribute" --no-update-lock-file --out-link built
here=$(nix-hash --type sha256 --base32 built/)
there=$(nix-hash --type sha256 --base32 "$layout")
echo "here $here, there $there"
test "$here" = "$there"
