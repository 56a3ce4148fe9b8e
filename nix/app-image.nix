# The image of an app: the base image's layers as they are, then the app's packages, then its files. Who has the base image
# needs only what the app adds.
{
  lib,
  go,
  version,
  image,
  imageLayout,
  nix2container,
  # What nix/firefox.nix makes.
  app,
}:
let
  inherit (nix2container) buildImage buildLayer;

  layers = image.layers ++ [
    (buildLayer {
      deps = app.packages;
      inherit (image) layers;
      maxLayers = 12;
      metadata.created_by = app.name;
    })
  ];

  roots = image.roots ++ [ app.root ];

  labels = image.labels // {
    "net.m1k1o.neko.trust.roots" = lib.concatMapStringsSep " " toString roots;
    "org.opencontainers.image.description" = app.description;
    "org.opencontainers.image.licenses" = app.licenses;
    "org.opencontainers.image.title" = "neko-${app.name}";
  };

  # What a configuration refers to becomes part of nix2container's last layer, and the base image's roots are in its layers
  # already: the labels are given as mere text. image-layout.nix has the roots as inputs of its own.
  config = image.config // {
    Labels = lib.mapAttrs (_name: builtins.unsafeDiscardStringContext) labels;
  };
in
imageLayout {
  name = "neko-${app.name}-image";
  summary = "Image of Neko with ${app.name} as an OCI layout directory";
  inherit config layers roots;
  description = buildImage {
    name = "neko-${app.name}";
    tag = version.version;
    inherit (version) created;
    inherit config layers;
    arch = go.GOARCH;
    # All of its layers, with that of its root; nix2container adds those of `layers` that it has only once.
    fromImage = image.description;
    copyToRoot = [ app.root ];
    perms = app.permissions;
  };
}
