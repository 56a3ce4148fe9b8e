{
  description = "A stand-in for nixpkgs: packages are names, builders record what they are given. Nothing of it can be built.";

  outputs =
    { self }:
    let
      lib = import ./lib.nix;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      legacyPackages = lib.genAttrs systems (system: import ./packages.nix { inherit lib system; });
    in
    {
      inherit legacyPackages;
      lib = lib // {
        nixosSystem = import ./nixos.nix { inherit lib legacyPackages; };
      };
      # So that a test sees which nixpkgs it has.
      isStandIn = self ? outPath;
    };
}
