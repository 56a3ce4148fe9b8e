# Everything of one system. Each file of this folder makes one thing; here they are given to each other.
{
  self,
  nixpkgs,
  nix2container,
  neko,
  system,
  # The packages of every system.
  platforms,
}:
let
  pkgs = nixpkgs.legacyPackages.${system};
  inherit (pkgs) callPackage lib;
  # For a file that makes several things: `callPackage` adds two of its own, which are no apps and no checks.
  callSet =
    file: arguments:
    builtins.removeAttrs (callPackage file arguments) [
      "override"
      "overrideDerivation"
    ];
  inherit (nix2container.packages.${system}) skopeo-nix2container;
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
  imageLayout = callPackage ./image-layout.nix { inherit version skopeo-nix2container; };
  image = callPackage ./image.nix {
    inherit
      version
      runtime
      xorgDeps
      nekoServer
      nekoClient
      imageLayout
      ;
    inherit (nix2container.packages.${system}) nix2container;
  };
  firefox = callPackage ./firefox.nix { inherit neko version runtime; };
  firefoxImage = callPackage ./app-image.nix {
    inherit version image imageLayout;
    inherit (nix2container.packages.${system}) nix2container;
    app = firefox;
  };
  imageIndex =
    name: attribute:
    callPackage ./index.nix {
      inherit name version;
      images = lib.mapAttrs (_system: each: each.${attribute}) platforms;
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
  parts = import ./parts.nix {
    inherit
      lib
      nekoServer
      nekoClient
      nekoTrust
      xorgDeps
      runtime
      image
      firefox
      firefoxImage
      ;
  };
  packages = {
    inherit
      nekoServer
      nekoClient
      xorgDeps
      runtime
      ;
    image = image // {
      parts = parts.ofImage;
    };
    default = packages.image;
    nekoPlugins = nekoServer.plugins;
    neko-trust = nekoTrust;
    image-index = imageIndex "neko-image-index" "image";
    firefox-image = firefoxImage // {
      parts = parts.ofFirefoxImage;
    };
    firefox-image-index = imageIndex "neko-firefox-image-index" "firefox-image";
    sbom = sbom.document;
    runner-image = runnerImage.disk // {
      parts = parts.ofRunner runnerImage.disk;
    };
  }
  # TDX is Intel's: there is no signer for other machines.
  // lib.optionalAttrs (system == "x86_64-linux") {
    signer-image = signer.image // {
      parts = parts.ofSigner signer;
    };
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
  apps = callSet ./apps.nix { inherit nekoTrust sbom; };
  checks = callSet ./checks.nix {
    inherit
      version
      nekoServer
      nekoClient
      xorgDeps
      runtime
      image
      firefox
      firefoxImage
      nekoTrust
      sbom
      neko
      ;
  };
  devShells.default = callPackage ./dev-shell.nix { };
  # nixfmt for a whole tree: `nix fmt` names no files.
  formatter = pkgs.nixfmt-tree;
}
