# What this flake itself builds on the way to an output: `parts` of that output, for `repro-check`. To build an output a second
# time takes all of these as they are, so each is built a second time for itself. What is fetched by its hash (modules of Go
# and npm, sources) can't differ, and texts that are written as they stand can't either; nixpkgs' packages are checked by
# nixpkgs (reproducible.nixos.org).
{
  lib,
  nekoServer,
  nekoClient,
  nekoTrust,
  xorgDeps,
  runtime,
  image,
  firefox,
  firefoxImage,
}:
let
  layersOf =
    each:
    lib.listToAttrs (lib.imap1 (n: layer: lib.nameValuePair "layer-${toString n}" layer) each.layers);
  machineOf = build: {
    inherit (build) initialRamdisk toplevel uki;
  };
in
rec {
  ofImage = {
    inherit
      nekoServer
      nekoClient
      xorgDeps
      runtime
      ;
    nekoPlugins = nekoServer.plugins;
    dummyDriver = xorgDeps.dummy;
    touchDriver = xorgDeps.input;
    inherit (runtime) fontTree programTree;
    inherit (image) description;
  }
  // layersOf image;

  ofFirefoxImage =
    ofImage
    // layersOf firefoxImage
    // {
      inherit image;
      imageDescription = image.description;
      browser = firefox.root.firefox;
      firefoxRoot = firefox.root;
      inherit (firefoxImage) description;
    };

  ofSigner =
    signer:
    let
      inherit (signer.image.machine.config.system) build;
    in
    machineOf build
    // {
      inherit (build) closedStub intermediateImage;
      inherit (signer) disk;
      inherit (signer.disk) rawDisk;
      inherit (signer.image) policy;
      program = nekoTrust.bundle;
      programFiles = nekoTrust.bundle.bundled;
    };

  ofRunner =
    disk:
    let
      inherit (disk.machine.config.system) build;
    in
    machineOf build
    // {
      inherit (build) githubRunner;
      inherit (disk) rawDisk;
    };
}
