# What `nix flake check` builds: that each part is there, and that parts fit.
{
  lib,
  runCommand,
  deadnix,
  gst_all_1,
  jq,
  nixfmt,
  callPackage,
  neko,
  version,
  nekoServer,
  nekoClient,
  xorgDeps,
  runtime,
  image,
  firefox,
  firefoxImage,
  nekoTrust,
  sbom,
}:
let
  check =
    name: inputs: text:
    runCommand "check-${name}" { nativeBuildInputs = inputs; } ''
      ${text}
      touch "$out"
    '';

  # A plugin of our own, built as others would be: shows that a plugin loads into this server.
  withProbe = callPackage ./server.nix {
    inherit neko version;
    plugins = import ./plugins.nix {
      inherit lib;
      sources.probe = ./plugins/probe;
    };
  };

  # The elements that Neko's pipelines name, but for those that only appear with a graphics card.
  elements = [
    "alawenc"
    "appsink"
    "appsrc"
    "av1enc"
    "avenc_g722"
    "flvmux"
    "jpegenc"
    "mulawenc"
    "openh264enc"
    "opusenc"
    "pulsesink"
    "pulsesrc"
    "rtmpsink"
    "v4l2sink"
    "voaacenc"
    "vp8enc"
    "vp9enc"
    "x264enc"
    "ximagesrc"
  ];
in
{
  server = check "server" [ nekoServer ] "neko --version | grep -F ${version.commit}";
  plugins = check "plugins" [ withProbe ] ''
    neko plugins ${withProbe.plugins}/ | tee plugins.json
    grep -F probe plugins.json
  '';
  client = check "client" [ ] "test -s ${nekoClient}/index.html";
  drivers = check "drivers" [ ] ''
    for driver in drivers/dummy_drv.so input/neko_drv.so; do test -s ${xorgDeps}/lib/xorg/modules/$driver; done
  '';
  runtime = check "runtime" [ gst_all_1.gstreamer ] ''
    export HOME=$TMPDIR GST_REGISTRY=$TMPDIR/registry
    export GST_PLUGIN_SYSTEM_PATH_1_0=${runtime.environment.GST_PLUGIN_SYSTEM_PATH_1_0}
    for element in ${toString elements}; do gst-inspect-1.0 --exists "$element" || { echo "no $element" >&2; exit 1; }; done
    for program in X bash curl dbus dbus-daemon neko pulseaudio supervisord wget xclip xdotool zip; do
      test -x ${runtime}/usr/bin/$program || { echo "no /usr/bin/$program" >&2; exit 1; }
    done
    bash ${./check-supervisor.sh} ${runtime}/etc/neko/supervisord.conf "${toString (lib.attrNames runtime.environment)}" ${runtime}
  '';
  image = check "image" [ jq ] ''
    bash ${./oci}/check-layout.sh ${image} ${image.platform} ${version.commit}
  '';
  # Starts, and has each of upstream's preferences and policies.
  firefox = check "firefox" [ jq ] ''
    HOME=$TMPDIR ${firefox.root}/usr/bin/firefox --version
    missing=$(grep -Fxvf ${firefox.root}/usr/lib/firefox/mozilla.cfg ${neko}/apps/firefox/neko.js || true)
    test -z "$missing" || { echo "no preference $missing" >&2; exit 1; }
    jq --exit-status --slurpfile upstream ${neko}/apps/firefox/policies.json \
      '.policies as $own | $upstream[0].policies | length > 0 and all(to_entries[]; $own[.key] == .value)' \
      ${firefox.root}/usr/lib/firefox/distribution/policies.json
  '';
  firefox-image = check "firefox-image" [ jq ] ''
    bash ${./oci}/check-layout.sh ${firefoxImage} ${firefoxImage.platform} ${version.commit}
    bash ${./oci}/check-shared.sh ${firefoxImage} ${image}
  '';
  sbom = check "sbom" [ jq ] ''
    jq --exit-status '[.packages[].externalRefs[] | select(.referenceType == "nix-store-path").referenceLocator]
      | index("${image}") != null and index("${runtime}") != null' ${sbom.document}
  '';
  neko-trust = check "neko-trust" [ nekoTrust ] "HOME=$TMPDIR neko-trust --help > help.txt";
  format = check "format" [
    nixfmt
  ] "nixfmt --check ${../flake.nix} $(find ${./.} ${../sbom} -name '*.nix')";
  dead-code = check "dead-code" [ deadnix ] "deadnix --fail ${../flake.nix} ${./.} ${../sbom}";
}
