# The Go plugins that are built together with the server: a plugin loads only into a server of the same build, with the
# same Go, flags and versions of every package (golang/go#27751). Upstream's folder server/plugins is empty, and chat,
# file transfer and "open in app" are part of the server, so the image has none; each folder added here is one.
{
  lib,
  # Folders with a `package main` that has `var Plugin`, by name.
  sources ? { },
}:
{
  inherit sources;
  names = lib.attrNames sources;
  # Before the build: each plugin becomes a package of the server's own module. Harmless in the derivation that vendors
  # the modules, where it runs too: a plugin that imports only what the server does leaves vendorHash as it is.
  copy = lib.concatStrings (
    lib.mapAttrsToList (name: source: ''
      cp -r --no-preserve=mode ${source} plugins/${name}
    '') sources
  );
  # After the server's build. GOFLAGS has -trimpath and -mod=vendor for both: else the plugin is refused as "built with a
  # different version of package".
  build = lib.concatMapStrings (name: ''
    go build -buildmode=plugin -ldflags "-s -w -buildid=" -o "$plugins/${name}.so" ./plugins/${name}
  '') (lib.attrNames sources);
}
