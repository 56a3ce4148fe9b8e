{
  description = "A stand-in for nix2container: what it is given is recorded. Nothing of it can be built.";

  inputs.nixpkgs.url = "path:../nixpkgs";

  outputs =
    { nixpkgs, ... }:
    {
      packages = nixpkgs.lib.mapAttrs (
        _system: pkgs:
        let
          recording =
            builder: name: arguments:
            pkgs.stdenv.mkDerivation ({
              inherit name builder arguments;
              passthru.recordedBy = builder;
            });
        in
        {
          nix2container = {
            buildLayer = arguments: recording "buildLayer" "layer-${arguments.metadata.created_by}" arguments;
            buildImage = arguments: recording "buildImage" "image-${arguments.name}.json" arguments;
          };
          skopeo-nix2container = pkgs.skopeo;
        }
      ) nixpkgs.legacyPackages;
    };
}
