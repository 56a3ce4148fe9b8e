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
  manifest = builtins.fromJSON (builtins.readFile ../package.json);

  # What the package is made of; a change of a document or test builds nothing anew.
  src = fileset.toSource {
    root = ../.;
    fileset = fileset.unions [
      ../LICENSE
      ../README.md
      ../bin
      ../components
      ../dev
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
    # Of package-lock.json: `node dev/npm-deps-hash.ts` recomputes it, and test/nix compares.
    npmDepsHash = lib.fakeHash;
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
      # Pulumi's SDK is for commands that provision, which a signer has not.
      buildPhase = ''
        runHook preBuild
        node_modules/.bin/esbuild nix-entry.ts --bundle --platform=node --format=esm --splitting --outdir=out \
          --out-extension:.js=.mjs --target=node24 --external:@pulumi/* --external:@kubernetes/* --external:@grpc/* \
          --banner:js="import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
        runHook postBuild
      '';
      postPatch = ''
        echo 'import { run } from "./src/cli/main.ts"; await run(process.argv.slice(2));' > nix-entry.ts
      '';
      dontNpmInstall = true;
      installPhase = ''
        runHook preInstall
        mkdir -p "$out"
        cp out/*.mjs package.json "$out/"
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
        makeBinaryWrapper ${lib.getExe nodejs-slim_24} "$out/bin/neko-trust" --add-flags "$out/lib/neko-trust/nix-entry.mjs"
        runHook postInstall
      '';
      doInstallCheck = true;
      installCheckPhase = ''
        HOME=$TMPDIR "$out/bin/neko-trust" verify-image --help > help.txt
      '';
      passthru = { inherit bundled; };
      inherit (common) meta;
    };
  }
)
