# neko-trust itself: the command line with all commands, and (`bundle`) as one program that needs neither a shell nor
# node_modules, for the signer's image.
{
  lib,
  buildNpmPackage,
  makeBinaryWrapper,
  nodejs_24,
  nodejs-slim_24,
  stdenvNoCC,
  version,
}:
let
  inherit (lib) fileset;
  readJson = file: builtins.fromJSON (builtins.readFile file);
  manifest = readJson ../package.json;

  # What the package is made of; a change of a document or test builds nothing anew.
  src = fileset.toSource {
    root = ../.;
    fileset = fileset.unions [
      ../LICENSE
      ../README.md
      ../bin
      ../components
      ../dev
      # Only for their types: neither is part of what is put out.
      ../index.ts
      ../lab
      ../package-lock.json
      ../package.json
      ../schemas
      ../src
      ../stacks/roots
      ../tsconfig.json
    ];
  };

  common = {
    inherit (manifest) version;
    inherit src;
    nodejs = nodejs_24;
    # Written by `node dev/npm-deps-hash.ts --write` after each change of package-lock.json.
    inherit (readJson ./npm/deps.json) npmDepsHash;
    # Also run where the dependencies are fetched: npm left the tarballs' addresses out of the lock.
    postPatch = "${lib.getExe nodejs_24} ${./npm/resolve-lock.mjs} package-lock.json";
    npmRebuildFlags = [ "--ignore-scripts" ];
    env.SOURCE_DATE_EPOCH = toString version.sourceDateEpoch;
    meta = {
      inherit (manifest) description;
      license = lib.licenses.asl20;
      mainProgram = "neko-trust";
      platforms = lib.platforms.linux;
    };
  };

  bundled = buildNpmPackage (
    common
    // {
      pname = "neko-trust-bundle";
      # The lab is never part of it, nor what commands need that provision: a signer has none of them.
      buildPhase = ''
        runHook preBuild
        echo 'import { run } from "./src/cli/main.ts"; await run(process.argv.slice(2));' > nix-entry.ts
        node_modules/.bin/esbuild nix-entry.ts --bundle --platform=node --format=esm --splitting --outdir=out \
          --out-extension:.js=.mjs --target=node24 --external:@pulumi/* --external:@kubernetes/* --external:@grpc/* \
          '--external:*/lab/lab.ts' '--external:*/index.ts' \
          --banner:js="import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
        runHook postBuild
      '';
      dontNpmInstall = true;
      installPhase = ''
        runHook preInstall
        # main.ts looks for package.json two folders up.
        mkdir -p "$out/src/cli"
        cp out/*.mjs "$out/src/cli/"
        cp package.json "$out/"
        runHook postInstall
      '';
    }
  );
in
buildNpmPackage (
  common
  // {
    pname = "neko-trust";
    # Emits JavaScript: Node does not strip types below node_modules.
    npmBuildScript = "prepack";
    doInstallCheck = true;
    installCheckPhase = ''
      runHook preInstallCheck
      HOME=$TMPDIR "$out/bin/neko-trust" --version | grep -F ${manifest.version}
      runHook postInstallCheck
    '';
    passthru.bundle = stdenvNoCC.mkDerivation {
      pname = "neko-trust-signer";
      inherit (manifest) version;
      nativeBuildInputs = [ makeBinaryWrapper ];
      dontUnpack = true;
      installPhase = ''
        runHook preInstall
        mkdir -p "$out/lib"
        cp -r ${bundled} "$out/lib/neko-trust"
        makeBinaryWrapper ${lib.getExe nodejs-slim_24} "$out/bin/neko-trust" --add-flags "$out/lib/neko-trust/src/cli/nix-entry.mjs"
        runHook postInstall
      '';
      doInstallCheck = true;
      installCheckPhase = ''
        runHook preInstallCheck
        HOME=$TMPDIR "$out/bin/neko-trust" --version | grep -F ${manifest.version}
        HOME=$TMPDIR "$out/bin/neko-trust" verify-image --help > help.txt
        runHook postInstallCheck
      '';
      passthru = { inherit bundled; };
      inherit (common) meta;
    };
  }
)
