# Packages are names: only those that the flake may use, each of which nixpkgs has. What the flake itself makes is a
# derivation that can't be built, with `recorded`: the builder's name and arguments.
{ lib, system }:
let
  make =
    builder: arguments:
    let
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      outputs = arguments.outputs or [ "out" ];
      base = derivation {
        inherit name outputs system;
        builder = "/stand-in";
        # So that a derivation depends on what it was given.
        args = [ (builtins.toJSON (lib.record (builtins.removeAttrs arguments [ "passthru" ]))) ];
      };
      withRecord =
        set:
        set
        // {
          recorded = lib.record (
            {
              inherit builder;
            }
            // builtins.removeAttrs arguments [
              "passthru"
              "meta"
            ]
          );
          meta = arguments.meta or { };
          pname = arguments.pname or name;
          overrideAttrs =
            change: make builder (arguments // change (arguments // { inherit (base) outPath; }));
        }
        // (arguments.passthru or { });
    in
    withRecord (
      base // lib.genAttrs outputs (output: base.${output} // { meta = arguments.meta or { }; })
    );

  package =
    name:
    let
      base = derivation {
        inherit name system;
        builder = "/stand-in";
      };
    in
    base
    // lib.genAttrs [ "out" "bin" "dev" ] (output: base // { inherit output; })
    // {
      pname = name;
      version = "260.1";
      meta.mainProgram = name;
      patches = [ ];
      overrideAttrs = change: make "overridden ${name}" ({ inherit name; } // change { });
    };

  names = [
    "actionlint"
    "arphic-ukai"
    "arphic-uming"
    "autoreconfHook"
    "bash"
    "bashInteractive"
    "cacert"
    "cargo"
    "chrony"
    "coreutils"
    "cosign"
    "crane"
    "curl"
    "dbus"
    "deadnix"
    "diffoscope"
    "findutils"
    "firefox-unwrapped"
    "fontconfig"
    "gawk"
    "gh"
    "git"
    "google-cloud-sdk"
    "gnugrep"
    "gnumake"
    "gnused"
    "gnutar"
    "gtk3"
    "gzip"
    "ipafont"
    "jq"
    "kubectl"
    "libx11"
    "libxcvt"
    "libxfixes"
    "libxi"
    "libxrandr"
    "libxtst"
    "linuxPackages_6_18"
    "makeBinaryWrapper"
    "nix"
    "nixfmt"
    "nixfmt-tree"
    "nodejs-slim_24"
    "nodejs_24"
    "noto-fonts-color-emoji"
    "openbox"
    "openssl"
    "osslsigncode"
    "pkg-config"
    "pulseaudio"
    "pulumi"
    "python3"
    "rustc"
    "sbomnix"
    "shadow"
    "shellcheck"
    "skopeo"
    "systemd"
    "takao"
    "unfonts-core"
    "util-linux"
    "util-macros"
    "wget"
    "wqy_microhei"
    "wqy_zenhei"
    "xclip"
    "xdotool"
    "xf86-input-void"
    "xkbcomp"
    "xorg-server"
    "xorgproto"
    "yq-go"
    "zip"
    "zizmor"
  ];
  sets = {
    gst_all_1 = [
      "gstreamer"
      "gst-libav"
      "gst-plugins-bad"
      "gst-plugins-base"
      "gst-plugins-good"
      "gst-plugins-ugly"
    ];
    lohit-fonts = [
      "bengali"
      "devanagari"
      "tamil"
    ];
    python3Packages = [ "supervisor" ];
  };
  pkgs =
    lib.genAttrs names package
    // lib.mapAttrs (_set: each: lib.genAttrs each package) sets
    // {
      inherit lib;
      callPackage = lib.callPackageWith pkgs;
      go = package "go" // {
        GOARCH = if system == "x86_64-linux" then "amd64" else "arm64";
      };
      stdenv = {
        hostPlatform = {
          inherit system;
          efiArch = if system == "x86_64-linux" then "x64" else "aa64";
        };
        mkDerivation = make "mkDerivation";
      };
      stdenvNoCC.mkDerivation = make "mkDerivation";
      buildGoModule = make "buildGoModule";
      buildNpmPackage = make "buildNpmPackage";
      buildEnv = make "buildEnv";
      symlinkJoin = make "symlinkJoin";
      # As nixpkgs had it for some time: with a Node that evaluation refuses, and outside of any sandbox.
      github-runner =
        let
          runner =
            {
              nodeRuntimes ? [
                "node20"
                "node24"
              ],
            }:
            if lib.elem "node20" nodeRuntimes then
              throw "Package ‘nodejs-20’ is marked as insecure, refusing to evaluate."
            else
              make "buildDotnetModule" {
                name = "github-runner";
                inherit nodeRuntimes;
                __noChroot = true;
              };
        in
        lib.makeOverridable runner { };
      # As nixpkgs' wrapper names what it makes of a browser.
      wrapFirefox =
        browser: arguments:
        make "wrapFirefox" (
          arguments
          // {
            name = lib.removeSuffix "-unwrapped" browser.name;
            inherit browser;
          }
        );
      mkShell = make "mkShell";
      writeText =
        name: text:
        make "writeText" {
          inherit name text;
        };
      writeShellApplication =
        arguments:
        make "writeShellApplication" (
          arguments
          // {
            meta = {
              mainProgram = arguments.name;
            }
            // (arguments.meta or { });
          }
        );
      runCommand =
        name: attributes: script:
        make "runCommand" (attributes // { inherit name script; });
      closureInfo =
        { rootPaths }:
        make "closureInfo" {
          name = "closure-info";
          inherit rootPaths;
        };
    };
in
pkgs
