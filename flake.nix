{
  description = "Neko built bit for bit: server, client, image, SBOM, signer and runner machines, and neko-trust itself";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    nix2container = {
      url = "github:nlewo/nix2container";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    # What is built. A new revision needs new hashes in nix/: see docs/nix-build.md.
    neko = {
      url = "github:m1k1o/neko/baf21c1d97e1ab1cd001abfc7f9b519126dc8ab8";
      flake = false;
    };
  };

  # Only wires: what is built, and how, is in nix/.
  outputs =
    {
      self,
      nixpkgs,
      nix2container,
      neko,
    }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      projects = nixpkgs.lib.genAttrs systems (
        system:
        import ./nix {
          inherit
            self
            nixpkgs
            nix2container
            neko
            system
            ;
          # An image index names every platform's image.
          platforms = nixpkgs.lib.genAttrs systems (each: projects.${each}.packages);
        }
      );
      eachSystem = part: nixpkgs.lib.mapAttrs (_system: project: project.${part}) projects;
    in
    {
      packages = eachSystem "packages";
      apps = eachSystem "apps";
      checks = eachSystem "checks";
      devShells = eachSystem "devShells";
      formatter = eachSystem "formatter";
      # The same on every system.
      lib.release = projects.x86_64-linux.release;
      nixosModules = {
        signer = import ./nix/modules/signer.nix;
        runner = import ./nix/modules/runner.nix;
      };
    };
}
