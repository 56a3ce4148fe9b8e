# The last step of every image: from what nix2container describes to the OCI layout directory that a registry will hold,
# byte for byte.
{
  runCommand,
  jq,
  go,
  stdenv,
  version,
  skopeo-nix2container,
}:
{
  # Of the store path, without the version.
  name,
  # What this is, in a line.
  summary,
  # The image's, as nix2container was given it.
  config,
  # What nix2container's buildImage made.
  description,
  # What buildLayer made for it, for images on top of this one.
  layers,
  # Store paths that the label net.m1k1o.neko.trust.roots names. Inputs of this step, so that Nix finds them in its output.
  roots,
}:
runCommand "${name}-${version.version}"
  {
    nativeBuildInputs = [
      jq
      skopeo-nix2container
    ];
    # skopeo's gzip gives the same bytes for the same version and level, on any number of cores.
    compressionLevel = "6";
    architecture = go.GOARCH;
    inherit (version) commit;
    inherit roots;
    passthru = {
      inherit
        config
        description
        layers
        roots
        ;
      inherit (version) version;
      labels = config.Labels;
      platform = "linux/${go.GOARCH}";
    };
    meta = {
      description = summary;
      platforms = [ stdenv.hostPlatform.system ];
    };
  }
  ''
    export HOME=$TMPDIR
    skopeo --insecure-policy --tmpdir "$TMPDIR" copy --quiet \
      --dest-compress-format gzip --dest-compress-level "$compressionLevel" --dest-force-compress-format \
      nix:${description} oci:layout
    bash ${./oci}/finish-layout.sh layout "$architecture" "$commit"
    cp -r --no-preserve=mode layout "$out"
  ''
