# The Go server with its plugins (output `plugins`: a folder that NEKO_PLUGINS_DIR may name).
{
  lib,
  buildGoModule,
  pkg-config,
  gst_all_1,
  gtk3,
  libx11,
  libxcvt,
  libxfixes,
  libxi,
  libxrandr,
  libxtst,
  neko,
  version,
  plugins,
}:
let
  # server/build of upstream sets `m1k1o/neko.*`, which is no package of the module: its binaries say dev@dev.
  package = "github.com/m1k1o/neko/server";
  facts = {
    buildDate = version.created;
    gitCommit = version.commit;
    gitBranch = "";
    gitTag = version.sourceTag;
  };
in
buildGoModule {
  pname = "neko-server";
  version = version.sourceVersion;
  src = "${neko}/server";
  # `go mod vendor`, then `nix hash path vendor`; the same for every system (docs/nix-build.md).
  vendorHash = "sha256-LjCVw5dgfesyTUnPS77RO0m2Qk4ahJasmNOHmFQkVKE=";

  outputs = [
    "out"
    "plugins"
  ];
  subPackages = [ "cmd/neko" ];
  env = {
    CGO_ENABLED = 1;
    SOURCE_DATE_EPOCH = toString version.sourceDateEpoch;
  };
  nativeBuildInputs = [ pkg-config ];
  buildInputs = [
    gst_all_1.gstreamer
    gst_all_1.gst-plugins-base
    gtk3
    libx11
    libxcvt
    libxfixes
    libxi
    libxrandr
    libxtst
  ];
  # -trimpath and -buildid= are buildGoModule's own.
  ldflags = [
    "-s"
    "-w"
  ]
  ++ lib.mapAttrsToList (name: value: "-X ${package}.${name}=${value}") facts;

  postPatch = plugins.copy;
  postBuild = ''
    mkdir -p "$plugins"
    ${plugins.build}
  '';

  doInstallCheck = true;
  # The slash matters: a folder behind a link would be opened as a plugin itself.
  installCheckPhase = ''
    runHook preInstallCheck
    "$out/bin/neko" --version | tee version.txt
    grep -F ${version.commit} version.txt
    "$out/bin/neko" plugins "$plugins/"
    test "$(find "$plugins" -name '*.so' | wc -l)" = ${toString (lib.length plugins.names)}
    runHook postInstallCheck
  '';

  meta = {
    description = "Server of Neko, a virtual browser that runs in a container";
    homepage = version.repository;
    license = lib.licenses.asl20;
    mainProgram = "neko";
    platforms = lib.platforms.linux;
  };
}
