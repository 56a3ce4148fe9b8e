# A stand-in for NixOS: modules are merged (sets by name, lists joined, a mkForce wins, else the last), and what the real
# ones would build is named. Modules of nixpkgs are only noted; an option has its default, and no type is checked.
{ lib, legacyPackages }:
{ system, modules }:
let
  inherit (builtins)
    concatMap
    foldl'
    isAttrs
    isFunction
    isList
    isPath
    isString
    removeAttrs
    ;
  pkgs = legacyPackages.${system};
  modulesPath = "/nixpkgs/nixos/modules";

  forced = value: isAttrs value && (value._type or null) == "override";
  merge =
    a: b:
    if forced b then
      b
    else if forced a then
      a
    else if isAttrs a && isAttrs b && !(lib.isDerivation a) && !(lib.isDerivation b) then
      a
      // b
      // lib.genAttrs (builtins.filter (name: a ? ${name}) (lib.attrNames b)) (
        name: merge a.${name} b.${name}
      )
    else if isList a && isList b then
      a ++ b
    else
      b;
  settled =
    value:
    if forced value then
      settled value.content
    else if isAttrs value && !(lib.isDerivation value) && !(value ? outPath) then
      lib.mapAttrs (_name: settled) value
    else
      value;

  load =
    from: module:
    if isString module then
      [ { stubImports = [ module ]; } ]
    else if isPath module then
      load (toString module) (import module)
    else
      let
        value =
          if isFunction module then
            module {
              inherit
                config
                lib
                modulesPath
                pkgs
                ;
            }
          else
            module;
        own =
          value.config or (removeAttrs value [
            "imports"
            "options"
          ]);
      in
      [ (defaults (value.options or { })) ] ++ concatMap (load from) (value.imports or [ ]) ++ [ own ];

  defaults =
    options:
    lib.mapAttrs (
      _name: each: if (each._type or null) == "option" then each.default else defaults each
    ) (lib.filterAttrs (_name: each: (each._type or null) != "option" || each ? default) options);

  # What modules read of what other modules set.
  base = {
    image.baseName = "disk";
    image.repart.verityStore.partitionIds = {
      esp = "00-esp";
      store-verity = "10-store-verity";
      store = "20-store";
    };
    ids.uids = {
      systemd-network = 152;
      systemd-resolve = 153;
    };
    nix.package = pkgs.nix;
    services.chrony.package = pkgs.chrony;
    stubImports = [ ];
    system = {
      boot.loader.ukiFile = "machine.efi";
      build =
        lib.genAttrs [ "finalImage" "image" "intermediateImage" ] (
          name:
          pkgs.stdenv.mkDerivation {
            inherit name;
            systemdRepartFlags = [
              "--dry-run=no"
              "--size=auto"
            ];
          }
        )
        // {
          initialRamdisk = pkgs.stdenv.mkDerivation { name = "initrd"; };
          toplevel = pkgs.stdenv.mkDerivation { name = "toplevel"; };
          uki = pkgs.stdenv.mkDerivation { name = "uki"; };
        };
      nixos.release = "26.05";
    };
    systemd.package = pkgs.systemd;
  };
  config = settled (foldl' merge base (concatMap (load "flake") modules));
in
{
  inherit config;
}
