# The disk of the machines that build (component BuildRunners, part gce).
{
  nixpkgs,
  pkgs,
  system,
  version,
}:
let
  machine = nixpkgs.lib.nixosSystem {
    inherit system;
    modules = [
      ./modules/runner.nix
      { system.image.version = version.release; }
    ];
  };
  inherit (machine) config;
  final = config.system.build.image.overrideAttrs (old: {
    systemdRepartFlags = import ./lib/disk-size.nix "16G" old.systemdRepartFlags;
  });
in
{
  disk = pkgs.callPackage ./gce-disk.nix {
    passthru = {
      inherit machine;
      rawDisk = final;
    };
    name = "neko-trust-runner-disk-${version.release}";
    raw = "${final}/${config.image.baseName}.raw";
    inherit (version) sourceDateEpoch;
  };
}
