#!/usr/bin/env bash
# A raw disk → disk.tar.gz and disk.sha256 in a new folder, as Compute Engine takes a disk: a function of the disk's bytes, and
# of the versions of tar and gzip, alone.
# Usage: disk-tar.sh RAW OUTPUT EPOCH
set -euo pipefail
raw=$1 output=$2 epoch=$3
size=$(stat -Lc %s "$raw")
if [ "$size" = 0 ] || [ $((size % 1073741824)) != 0 ]; then
  echo "disk-tar: the disk has $size bytes: it must be a whole number of GiB" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$(realpath "$raw")" "$work/disk.raw"
mkdir "$output"
# Not --sparse: what a tar tells of holes is what the file system that the disk happens to lie on has for holes, and a store
# path that was copied or substituted has others than one that was built. gzip makes zeros a thousand times smaller.
tar --create --dereference --format=oldgnu --owner=0 --group=0 --numeric-owner --mode=0644 --mtime="@$epoch" \
  --directory="$work" disk.raw | gzip --no-name -6 >"$output/disk.tar.gz"
sha256sum "$output/disk.tar.gz" | cut -c 1-64 >"$output/disk.sha256"
