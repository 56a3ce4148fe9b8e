import { labRun } from "../release-lab.ts";

/**
 * A flake that has the outputs which the workflow uses, built by /bin/sh. `odd` makes each build another one. There is a
 * signer for x86_64 alone, as in the real one.
 */
export const smallFlake = (options: { readonly odd: boolean; readonly version: string }): string => `{
  outputs = { self }: let
    make = system: name: attributes: script: derivation ({
      inherit name system;
      builder = "/bin/sh";
      args = [ "-c" script ];
      PATH = "/usr/bin:/bin";
    } // attributes);
    forSystem = system: architecture: {
      image = make system "image" { layout = builtins.path { path = ./lab + "/\${architecture}"; name = "layout"; }; } ''
        cp -r $layout $out; chmod -R u+w $out
        ${options.odd ? "cat /proc/sys/kernel/random/uuid >$out/odd" : ""}
      '';
    };
    sbom = system: make system "sbom" {} "cp \${./lab/sbom.sh} $out; chmod +x $out";
  in {
    packages.x86_64-linux = forSystem "x86_64-linux" "amd64" // {
      signer-image = make "x86_64-linux" "signer-image" { layout = builtins.path { path = ./lab/signer; name = "layout"; }; }
        "cp -r $layout $out" // { measurementModel = "systemd-stub-258-vtpm"; };
      signer-uki = make "x86_64-linux" "signer-uki" { uki = builtins.path { path = ./lab/signer.efi; name = "uki"; }; }
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
