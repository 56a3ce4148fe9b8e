# The image of one platform, as an OCI layout directory: what a registry will hold, byte for byte. So its digest is known
# before anything is pushed, and its NAR hash can be computed again from the registry's blobs (`verify-image --deep`).
{
  lib,
  go,
  version,
  runtime,
  xorgDeps,
  nekoServer,
  nekoClient,
  nix2container,
  imageLayout,
}:
let
  inherit (nix2container) buildImage buildLayer;

  # From what changes least to what changes most: each layer leaves out what the ones before it hold.
  fontLayer = buildLayer {
    deps = runtime.fonts;
    maxLayers = 8;
    metadata.created_by = "fonts";
  };
  systemLayer = buildLayer {
    deps = runtime.base ++ runtime.programs ++ runtime.gstreamer;
    layers = [ fontLayer ];
    maxLayers = 40;
    metadata.created_by = "packages";
  };
  driverLayer = buildLayer {
    deps = [ xorgDeps ];
    layers = [
      fontLayer
      systemLayer
    ];
    metadata.created_by = "drivers";
  };
  serverLayer = buildLayer {
    deps = [ nekoServer ];
    layers = [
      fontLayer
      systemLayer
      driverLayer
    ];
    metadata.created_by = "server";
  };

  layers = [
    fontLayer
    systemLayer
    driverLayer
    serverLayer
  ];

  # Layers are compressed, so Nix can't see in them what the image refers to. A label names it where Nix does: in the
  # image's configuration, which is stored as it is. The closure, and with it the SBOM, follows from this.
  roots = [
    runtime
    xorgDeps
    nekoServer
    nekoClient
  ];

  labels = {
    "net.m1k1o.neko.api-version" = "3";
    "net.m1k1o.neko.trust.roots" = lib.concatMapStringsSep " " toString roots;
    "org.opencontainers.image.created" = version.created;
    "org.opencontainers.image.description" = nekoServer.meta.description;
    "org.opencontainers.image.licenses" = "Apache-2.0";
    "org.opencontainers.image.revision" = version.commit;
    "org.opencontainers.image.source" = version.repository;
    "org.opencontainers.image.title" = "neko";
    "org.opencontainers.image.version" = version.version;
  }
  # Provenance and SBOM are attached to this image, and every one that a signer made has to be of the release's commit: two
  # commits must not make one image, even where nothing of it changed. Only its configuration differs; layers stay.
  // lib.optionalAttrs (version.flakeRevision != null) {
    "net.m1k1o.neko.trust.flake-revision" = version.flakeRevision;
  };

  config = {
    Cmd = [
      "/usr/bin/supervisord"
      "-c"
      "/etc/neko/supervisord.conf"
    ];
    Env = lib.mapAttrsToList (name: value: "${name}=${value}") runtime.environment;
    # WebRTC's ports are the user's choice (NEKO_WEBRTC_EPR, _UDPMUX, _TCPMUX). Upstream's health check is Docker's own
    # extension and no part of OCI: probe GET /health at this port.
    ExposedPorts."8080/tcp" = { };
    Labels = labels;
  };

  description = buildImage {
    name = "neko";
    tag = version.version;
    inherit (version) created;
    inherit config;
    # A GOARCH is what OCI calls an architecture.
    arch = go.GOARCH;
    inherit layers;
    copyToRoot = [ runtime ];
    perms = runtime.permissions;
  };
in
imageLayout {
  name = "neko-image";
  summary = "Image of Neko as an OCI layout directory";
  inherit
    config
    description
    layers
    roots
    ;
}
