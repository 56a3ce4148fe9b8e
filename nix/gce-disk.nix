# A raw disk → what Compute Engine makes an image of: a gzip-compressed tar (old GNU format) whose only member is disk.raw,
# a whole number of GiB large. https://cloud.google.com/compute/docs/import/import-existing-image
{
  runCommand,
  gnutar,
  gzip,
  name,
  # Path of the raw disk.
  raw,
  sourceDateEpoch,
  passthru ? { },
}:
runCommand name
  {
    nativeBuildInputs = [
      gnutar
      gzip
    ];
    inherit passthru raw;
    epoch = toString sourceDateEpoch;
    meta.description = "Disk for Compute Engine: disk.tar.gz and its SHA-256";
  }
  ''
    size=$(stat -Lc %s "$raw")
    [ $((size % 1073741824)) = 0 ] || { echo "the disk has $size bytes: it must be a whole number of GiB" >&2; exit 1; }
    mkdir "$out"
    ln -s "$raw" disk.raw
    tar --create --dereference --sparse --format=oldgnu --owner=0 --group=0 --numeric-owner --mode=0644 \
      --mtime="@$epoch" disk.raw | gzip --no-name -6 > "$out/disk.tar.gz"
    sha256sum "$out/disk.tar.gz" | cut -c 1-64 > "$out/disk.sha256"
  ''
