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
    systemdRepartFlags = map (
      flag: if flag == "--size=auto" then "--size=16G" else flag
    ) old.systemdRepartFlags;
  });
in
{
  disk = pkgs.callPackage ./gce-disk.nix {
    passthru = { inherit machine; };
    name = "neko-trust-runner-disk-${version.release}";
    raw = "${final}/${config.image.baseName}.raw";
    inherit (version) sourceDateEpoch;
  };
}
