import { labRun } from "../release-lab.ts";

/**
 * A flake that has the outputs which the workflow uses, built by /bin/sh and the scripts of nix/oci. As in the real one,
 * images are labelled with the flake's revision and say what they are made of, and there is a signer for x86_64 alone. `odd` makes each build another one.
 */
export const smallFlake = (options: { readonly odd: boolean; readonly version: string }): string => `{
  outputs = { self }: let
    make = system: name: attributes: script: derivation ({
      inherit name system;
      builder = "/bin/sh";
      args = [ "-c" script ];
      PATH = "/usr/bin:/bin";
    } // attributes);
    file = path: builtins.path { inherit path; name = baseNameOf (toString path); };
    image = system: architecture: title: let
      layer = make system "\${title}-layer" { archive = file (./lab + "/\${title}-\${architecture}.tar.gz"); } "cp $archive $out";
    in make system "\${title}-image" {
      inherit layer;
      script = file ./nix/oci/layer-layout.sh;
      labels = builtins.toJSON {
        "org.opencontainers.image.title" = title;
        "net.m1k1o.neko.trust.flake-revision" = self.rev or null;
      };
    } ''
      bash $script $out $layer \${architecture} 2023-11-14T22:13:20Z "$labels"
      ${options.odd ? "cat /proc/sys/kernel/random/uuid >$out/odd" : ""}
    '' // { parts = { inherit layer; }; };
    forSystem = system: architecture: {
      image = image system architecture "base";
      firefox-image = image system architecture "firefox";
    };
    sbom = system: make system "sbom" {} "cp \${./lab/sbom.sh} $out; chmod +x $out";
  in {
    packages.x86_64-linux = forSystem "x86_64-linux" "amd64" // {
      signer-image = image "x86_64-linux" "amd64" "signer" // { measurementModel = "systemd-stub-258-vtpm"; };
      signer-uki = make "x86_64-linux" "signer-uki" { uki = file ./lab/signer.efi; }
        "mkdir $out; cp $uki $out/signer.efi";
    };
    packages.aarch64-linux = forSystem "aarch64-linux" "arm64";
    apps.x86_64-linux.sbom = { type = "app"; program = "\${sbom "x86_64-linux"}"; };
    apps.aarch64-linux.sbom = { type = "app"; program = "\${sbom "aarch64-linux"}"; };
    lib.release = {
      version = "${options.version}" + (if self ? rev then "" else "-dirty");
      sourceDateEpoch = 1700000000;
      source = {
        repository = "https://github.com/${labRun.repository}";
        commit = "${labRun.sha}";
        narHash = "sha256-yjQm7w+LsbhSJo8Lc7BsNbL6DC/8a5wgsymPYSFNlB8=";
      };
    };
  };
}
`;

/** As sbom/sbomnix.nix writes it, for a closure without names and versions. */
export const sbomScript = `#!/bin/sh
set -eu
nix path-info --json --recursive "$1" | jq '
  {spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", name: "lab", packages: [.[] | {
    SPDXID: ("SPDXRef-Package-" + (.path | .[11:43])), name: (.path | .[44:]),
    externalRefs: [
      {referenceCategory: "OTHER", referenceType: "nix-store-path", referenceLocator: .path},
      {referenceCategory: "OTHER", referenceType: "nix-nar-hash", referenceLocator: .narHash}]}]}' >"$3"
`;
