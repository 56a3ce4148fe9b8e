# `nix run .#<name>`: this project's commands, and what makes an SBOM.
{
  lib,
  writeShellApplication,
  nix,
  nekoTrust,
  sbom,
}:
let
  app = description: package: {
    type = "app";
    program = lib.getExe package;
    meta = { inherit description; };
  };
  command =
    name: description:
    app description (writeShellApplication {
      inherit name;
      runtimeInputs = [
        nekoTrust
        nix
      ];
      text = ''exec neko-trust ${name} "$@"'';
    });
  commands = {
    attest-image = "Attests provenance, SBOMs and the manifest of a release";
    publish-manifest = "Makes the release manifest and index of built images, and pushes them";
    rebuild = "Rebuilds a release independently, and states what came out";
    repro-check = "Builds the image and its parts twice, and compares every byte";
    sign-image = "Signs a release keyless";
    verify-image = "Verifies a release under a trust policy";
  };
in
lib.mapAttrs command commands
// {
  default = app "The command line of neko-trust" nekoTrust;
  sbom = app "Writes the SBOM (SPDX 2.3) of a store path's closure" sbom.write;
  sbomnix = app "Asks sbomnix for licences, CPEs and known vulnerabilities" sbom.enrich;
}
