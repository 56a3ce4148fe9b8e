import { narHashReference, storePathReference } from "../../src/core/nix/sbom-closure.ts";
import type { PathInfo } from "../../src/core/nix/path-info.ts";
import { statementsOf } from "../../lab/sample-release/statements.ts";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { bundleAttachment } from "../../src/core/oci/bundle-attachment.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { placeOfStorePath } from "../../src/adapters/nix/store-place.ts";
import { imageFile, runNix } from "./nix-lab.ts";
import type { NixLab } from "./nix-lab.ts";
import { labRun } from "./release-lab.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** An SPDX document that lists store objects, as the flake's own does. */
export function spdxOf(infos: readonly Pick<PathInfo, "path" | "narHash">[]): object {
  return {
    spdxVersion: "SPDX-2.3",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "test",
    packages: infos.map(({ path, narHash }, position) => ({
      SPDXID: `SPDXRef-Package-${position}`,
      name: path.slice(44),
      externalRefs: [
        { referenceCategory: "OTHER", referenceType: storePathReference, referenceLocator: path },
        { referenceCategory: "OTHER", referenceType: narHashReference, referenceLocator: narHash },
      ],
    })),
  };
}

/** The same as CycloneDX, as sbomnix writes paths. */
export function cycloneDxOf(infos: readonly Pick<PathInfo, "path" | "narHash">[]): object {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    components: infos.map(({ path, narHash }) => ({
      type: "library",
      name: path.slice(44),
      properties: [
        { name: "nix:output_path", value: path },
        { name: "nix:nar_hash", value: `${path} ${narHash}` },
      ],
    })),
  };
}

/** Signs what a policy demands of a release, by the run that the local stack trusts, and attaches it. */
export async function attestRelease(
  sigstore: LabSigstore,
  repository: string,
  manifest: ReleaseManifest,
  release: { readonly index: Uint8Array; readonly lock: Uint8Array; readonly sboms: ReadonlyMap<string, object> },
): Promise<void> {
  const client = createRegistryClient();
  const { source, name, version, sourceDateEpoch } = manifest;
  const statements = statementsOf(
    {
      name,
      version,
      sourceDateEpoch,
      repositoryName: repository,
      source: { repository: source.repository, commit: source.commit, ref: labRun.ref, files: new Map() },
      trees: [],
      lock: { path: "flake.lock", bytes: release.lock },
      workflow: labRun.workflowPath,
      attribute: "sample-image",
    },
    manifest,
    release.sboms,
  );
  for (const { subject, predicateType, payload } of statements) {
    const bundle = await sigstore.sign(payload, { claims: workflowClaims({ ...labRun, sha: source.commit }) });
    const index = subject === digestOf(release.index);
    const bytes = index ? release.index : unwrap(await client.manifest(repository, subject), subject);
    const mediaType = index ? mediaTypes.index : mediaTypes.manifest;
    const about = { mediaType, digest: subject, size: bytes.length };
    unwrap(await client.attach(repository, about, bundleAttachment(bundle, predicateType)), predicateType);
  }
}

/** A built image with the files that a release is made of. */
export async function buildRelease(lab: NixLab) {
  const built = await lab.nix.build(lab.attribute(await imageFile(lab), "image"));
  const storePath = built.outputs.get("out") ?? "";
  const closure = await lab.nix.pathInfo([storePath], { recursive: true });
  const sbom = spdxOf(closure);
  return {
    storePath,
    derivation: built.derivation,
    closure,
    sbom,
    layout: placeOfStorePath(storePath, lab.store) ?? "",
    pathInfoFile: lab.write("path-info.json", runNix(lab, "nix", ["path-info", "--json", "--recursive", storePath])),
    sbomFile: lab.write("sbom.json", JSON.stringify(sbom)),
    lockFile: lab.write("flake.lock", "{}"),
    source: lab.write("source/a.txt", "the source").slice(0, -"/a.txt".length),
  };
}

/** The options of publish-manifest that say what was built, by the run that the local stack trusts. */
export function releaseFacts(files: { readonly lockFile: string; readonly source: string }): string[] {
  return [
    ...["--name", "neko-trust-sample", "--version", "1.2.3"],
    ...["--source-repository", `https://github.com/${labRun.repository}`, "--source-commit", labRun.sha],
    ...["--source-path", files.source, "--flake-lock", files.lockFile, "--source-date-epoch", "1700000000"],
  ];
}
