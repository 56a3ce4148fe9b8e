# The confidential signer: its disk, its UKI (what TDX measures), and its release's image, whose one layer is the disk.
{
  nixpkgs,
  pkgs,
  system,
  version,
  nekoTrust,
}:
let
  stack = ../stacks/Pulumi.production.yaml;

  # The root that goes with the policy, where the stack says it is: one line of its file, a path from the checkout's folder.
  namedRoots = builtins.concatMap (
    line:
    let
      named = builtins.match "  neko-trust:trustedRoot: ([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)" line;
    in
    if named == null then [ ] else [ (builtins.head named) ]
  ) (builtins.filter builtins.isString (builtins.split "\n" (builtins.readFile stack)));
  trustedRoot =
    if builtins.length namedRoots == 1 then
      ../. + "/${builtins.head namedRoots}"
    else
      throw "stacks/Pulumi.production.yaml must have one line \"  neko-trust:trustedRoot: \" with a path inside the checkout, unquoted";

  # The policy that production demands, but for what only a signer's own statement could prove. With a root that it does not
  # pin no signer would start: that is told here, before there is an image.
  policy = pkgs.runCommand "signer-policy.yaml" { nativeBuildInputs = [ pkgs.yq-go ]; } ''
    yq --exit-status '.config."neko-trust:policy" | del(.tee)' ${stack} > $out
    pinned="$(yq --exit-status '.roots.sigstore.sha256' $out)"
    if [ "$pinned" != ${builtins.hashFile "sha256" trustedRoot} ]; then
      echo "the policy pins the root $pinned, and ${baseNameOf trustedRoot} is ${builtins.hashFile "sha256" trustedRoot}" >&2
      exit 1
    fi
  '';

  machine = nixpkgs.lib.nixosSystem {
    inherit system;
    modules = [
      ./modules/signer.nix
      {
        system.image.version = version.release;
        services.neko-trust-signer = {
          package = nekoTrust.bundle;
          inherit policy trustedRoot;
          # Public certificates of your key broker (docs/confidential-signer.md); without them the service stops.
          keyBroker =
            if builtins.pathExists ../stacks/roots/key-broker-tls.pem then
              {
                tlsAuthority = ../stacks/roots/key-broker-tls.pem;
                tokenAuthority = ../stacks/roots/key-broker-token.pem;
              }
            else
              null;
        };
      }
    ];
  };
  inherit (machine) config;

  # The firmware measures the GPT, so its size is the disk's from the start: cutting or growing it later would leave the
  # second table where it was.
  final = config.system.build.finalImage.overrideAttrs (old: {
    systemdRepartFlags = import ./lib/disk-size.nix "4G" old.systemdRepartFlags;
  });

  # How stub and firmware measure, as `measure-signer --model` names it (docs/measurements.md): from 258 on the stub starts
  # the kernel itself. A vTPM is there, as this kernel's own stub would extend RTMR2 without one, by what no model has.
  measurementModel =
    if builtins.compareVersions pkgs.systemd.version "258" >= 0 then
      "systemd-stub-258-vtpm"
    else
      "systemd-stub-vtpm";

  disk = pkgs.callPackage ./gce-disk.nix {
    name = "neko-trust-signer-disk-${version.release}";
    passthru.rawDisk = final;
    raw = "${final}/${config.image.baseName}.raw";
    inherit (version) sourceDateEpoch;
  };
in
{
  inherit disk;
  # The file whose Authenticode hash RTMR1 has.
  inherit (config.system.build) uki;
  # The disk is a compressed tar, which is what a layer is: its digest in the release is the disk's SHA-256.
  image =
    pkgs.runCommand "neko-trust-signer-image-${version.version}"
      {
        nativeBuildInputs = [
          pkgs.gzip
          pkgs.jq
        ];
        inherit disk;
        inherit (version) created;
        labels = builtins.toJSON {
          "net.m1k1o.neko.trust.roots" = toString config.system.build.toplevel;
          "org.opencontainers.image.created" = version.created;
          "org.opencontainers.image.revision" = version.flakeRevision;
          "org.opencontainers.image.title" = "neko-trust-signer";
          "org.opencontainers.image.version" = version.version;
        };
        passthru = {
          inherit
            disk
            policy
            machine
            measurementModel
            ;
        };
        meta = {
          description = "Release image of the confidential signer as an OCI layout directory; its layer is the disk";
          platforms = [ "x86_64-linux" ];
        };
      }
      ''
        bash ${./oci}/layer-layout.sh "$out" "$disk/disk.tar.gz" amd64 "$created" "$labels"
      '';
}
