# Everything of one system. Each file of this folder makes one thing; here they are given to each other.
{
  self,
  nixpkgs,
  nix2container,
  neko,
  system,
  images,
}:
let
  pkgs = nixpkgs.legacyPackages.${system};
  inherit (pkgs) callPackage lib;
  version = import ./lib/version.nix { inherit lib self neko; };

  nekoServer = callPackage ./server.nix {
    inherit neko version;
    plugins = import ./plugins.nix { inherit lib; };
  };
  nekoClient = callPackage ./client.nix { inherit neko version; };
  xorgDeps = callPackage ./xorg-deps.nix { inherit neko version; };
  runtime = callPackage ./runtime.nix {
    inherit
      neko
      version
      xorgDeps
      nekoServer
      nekoClient
      ;
  };
  image = callPackage ./image.nix {
    inherit
      version
      runtime
      xorgDeps
      nekoServer
      nekoClient
      ;
    inherit (nix2container.packages.${system}) nix2container skopeo-nix2container;
  };
  nekoTrust = callPackage ./package.nix { inherit version; };
  sbom = callPackage ../sbom/sbomnix.nix { inherit version image; };
  signer = import ./signer-image.nix {
    inherit
      nixpkgs
      pkgs
      system
      version
      nekoTrust
      ;
  };
  runnerImage = import ./runner-image.nix {
    inherit
      nixpkgs
      pkgs
      system
      version
      ;
  };
  packages = {
    inherit
      nekoServer
      nekoClient
      xorgDeps
      runtime
      image
      ;
    default = image;
    nekoPlugins = nekoServer.plugins;
    neko-trust = nekoTrust;
    image-index = callPackage ./index.nix { inherit version images; };
    sbom = sbom.document;
    runner-image = runnerImage.disk;
  }
  # TDX is Intel's: there is no signer for other machines.
  // lib.optionalAttrs (system == "x86_64-linux") {
    signer-image = signer.image;
    signer-disk = signer.disk;
    signer-uki = signer.uki;
  };
in
{
  inherit packages;
  # What publish-manifest is told of a release: `nix eval --json .#lib.release`.
  release = {
    inherit (version) version sourceDateEpoch;
    source = {
      inherit (version) repository commit narHash;
    };
  };
  apps = callPackage ./apps.nix { inherit nekoTrust sbom; };
  checks = callPackage ./checks.nix {
    inherit
      version
      nekoServer
      nekoClient
      xorgDeps
      runtime
      image
      nekoTrust
      sbom
      neko
      ;
  };
  devShells.default = callPackage ./dev-shell.nix { };
  formatter = pkgs.nixfmt;
}
