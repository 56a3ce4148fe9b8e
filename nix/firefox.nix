# The app Firefox: what apps/firefox/Dockerfile of upstream adds to the base image. docs/nix-build.md has the table of what
# maps to what.
{
  lib,
  runCommand,
  firefox-unwrapped,
  openbox,
  wrapFirefox,
  neko,
  version,
  runtime,
}:
let
  settings = "${neko}/apps/firefox";
  permissions = import ./lib/permissions.nix;

  # nixpkgs' wrapper writes mozilla.cfg, the autoconfig.js that names it, and distribution/policies.json.
  firefox = wrapFirefox firefox-unwrapped {
    extraPrefsFiles = [ "${settings}/neko.js" ];
    extraPoliciesFiles = [ "${settings}/policies.json" ];
  };

  root = runCommand "neko-firefox-${version.sourceVersion}" { passthru = { inherit firefox; }; } ''
    mkdir -p $out/etc/neko/supervisord $out/usr/{bin,lib} $out/home/neko/.mozilla/firefox/profile.default/extensions
    ln -s ${firefox}/bin/firefox $out/usr/bin/firefox
    ln -s ${openbox}/bin/openbox $out/usr/bin/openbox
    # Where upstream has it, for who mounts policies of their own.
    ln -s ${firefox}/lib/firefox $out/usr/lib/firefox

    cp ${settings}/supervisord.conf $out/etc/neko/supervisord/firefox.conf
    cp ${settings}/openbox.xml $out/etc/neko/openbox.xml
    cp ${settings}/profiles.ini $out/home/neko/.mozilla/firefox/profiles.ini

    bash ${./check-supervisor.sh} $out/etc/neko/supervisord/firefox.conf \
      "${toString (lib.attrNames runtime.environment)}" $out ${runtime}
  '';
in
{
  name = "firefox";
  description = "Firefox in Neko, a virtual browser that runs in a container";
  licenses = "Apache-2.0 AND MPL-2.0";
  inherit root;
  packages = [
    firefox
    openbox
  ];
  # Those of upstream's Dockerfile; the home folder's are the base image's again, as a layer's folders replace those below.
  permissions = permissions.of root [
    (
      permissions.user
      // permissions.group
      // {
        regex = "/home/neko(/\\.mozilla/firefox/profile\\.default(/extensions)?)?";
        mode = "0755";
      }
    )
    (
      permissions.user
      // permissions.group
      // {
        regex = "/home/neko/\\.mozilla/firefox/profiles\\.ini";
        mode = "0644";
      }
    )
  ];
}
