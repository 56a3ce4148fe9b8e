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
    bash ${./gce}/disk-tar.sh "$raw" "$out" "$epoch"
  ''
