# The index of an image of all platforms with their images, as an OCI layout directory. It needs a builder of each system; what
# `publish-manifest` makes of the platforms' layouts is the same index, byte for byte.
{
  lib,
  runCommand,
  jq,
  version,
  # Of the store path, without the version.
  name,
  # Image layouts, by Nix system.
  images,
}:
runCommand "${name}-${version.version}"
  {
    nativeBuildInputs = [ jq ];
    layouts = lib.attrValues images;
    passthru = { inherit images; };
    meta.description = "Image index of Neko's platforms as an OCI layout directory";
  }
  ''
    bash ${./oci}/join-layouts.sh "$out" $layouts
  ''
