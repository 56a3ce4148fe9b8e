# The Vue client, as static files.
{
  lib,
  buildNpmPackage,
  nodejs_24,
  neko,
  version,
}:
buildNpmPackage {
  pname = "neko-client";
  version = version.sourceVersion;
  src = "${neko}/client";
  nodejs = nodejs_24;
  # Of package-lock.json: `node dev/npm-deps-hash.ts <package-lock.json>` recomputes it.
  npmDepsHash = "sha256-L8/ToH05+mIAS9+cTMQ3tWMDkyJ/4LeiAU1ywbie9a4=";
  # Four packages have install scripts; none of them is needed for the build.
  npmRebuildFlags = [ "--ignore-scripts" ];
  env.SOURCE_DATE_EPOCH = toString version.sourceDateEpoch;
  # Names of files follow the build's path, which is the same everywhere only in Nix's sandbox.
  preBuild = ''
    if [ "''${PWD#/build/}" = "$PWD" ]; then
      echo "neko-client is built in $PWD, outside of Nix's sandbox, and would be another one: set sandbox = true" >&2
      exit 1
    fi
  '';

  # It is no npm package: its files are what is wanted.
  dontNpmInstall = true;
  installPhase = ''
    runHook preInstall
    test -f dist/index.html
    cp -r dist "$out"
    runHook postInstall
  '';

  meta = {
    description = "Client of Neko, a virtual browser that runs in a container";
    homepage = version.repository;
    license = lib.licenses.asl20;
  };
}
