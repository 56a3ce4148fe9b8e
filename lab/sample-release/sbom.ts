import { createHash } from "node:crypto";
import { narHashReference, storePathReference } from "../../src/core/nix/sbom-closure.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { FileContents } from "../../src/core/nix/tree.ts";
import type { PlatformImage } from "./platform-image.ts";
import type { StoreObject } from "./store-object.ts";

/**
 * The SBOM of one platform's image as an SPDX 2.3 JSON document (spdx.github.io/spdx-spec/v2.3). Packages are store
 * objects: the image's own output, and each tree in it with all its files. The closure can be read back from it by
 * `closureFromSpdx`. It names neither registry nor run, so that the same image always has the same SBOM.
 */
export function spdxDocument(
  image: PlatformImage,
  release: {
    readonly name: string;
    readonly version: string;
    readonly repository: string;
    readonly commit: string;
    readonly sourceDateEpoch: number;
  },
): object {
  const download = `git+${release.repository}@${release.commit}`;
  const imageId = packageId(image.output);
  const trees = image.contents.map((tree) => ({ tree, files: fileElements(tree) }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${release.name}-${release.version}-${image.platform.replaceAll("/", "-")}`,
    // Must be unique per document; the image's digest is, and it can be computed again.
    documentNamespace: `${release.repository}/trust/sbom/${image.image.manifest.digest.replace(":", "-")}`,
    creationInfo: {
      created: new Date(release.sourceDateEpoch * 1000).toISOString().replace(".000Z", "Z"),
      creators: ["Tool: neko-trust-sample-release"],
    },
    packages: [
      {
        ...packageElement(image.output, release.version, download),
        filesAnalyzed: false,
        primaryPackagePurpose: "CONTAINER",
        checksums: [{ algorithm: "SHA256", checksumValue: image.image.manifest.digest.slice("sha256:".length) }],
      },
      ...trees.map(({ tree, files }) => ({
        ...packageElement(tree, release.version, download),
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: verificationCode(files.map(({ sha1 }) => sha1)) },
        licenseInfoFromFiles: ["NOASSERTION"],
        primaryPackagePurpose: "FILE",
      })),
    ],
    files: trees.flatMap(({ files }) => files.map(({ element }) => element)),
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", imageId),
      ...trees.flatMap(({ tree, files }) => [
        relationship(imageId, "CONTAINS", packageId(tree)),
        ...files.map(({ element }) => relationship(packageId(tree), "CONTAINS", element.SPDXID)),
      ]),
    ],
  };
}

function packageElement(object: StoreObject, version: string, download: string): object {
  const reference = (referenceType: string, referenceLocator: string): object => {
    return { referenceCategory: "OTHER", referenceType, referenceLocator };
  };
  return {
    SPDXID: packageId(object),
    name: object.name,
    versionInfo: version,
    downloadLocation: download,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "Apache-2.0",
    copyrightText: "NOASSERTION",
    externalRefs: [reference(storePathReference, object.storePath), reference(narHashReference, object.narHash)],
  };
}

function fileElements(tree: StoreObject): { readonly sha1: string; readonly element: FileElement }[] {
  return Array.from(tree.files, ([path, file]) => {
    const sha1 = sha1Hex(file);
    return { sha1, element: fileElement(tree, path, file, sha1) };
  });
}

interface FileElement {
  readonly SPDXID: string;
  readonly fileName: string;
  readonly checksums: readonly { readonly algorithm: string; readonly checksumValue: string }[];
  readonly licenseConcluded: string;
  readonly licenseInfoInFiles: readonly string[];
  readonly copyrightText: string;
}

function fileElement(tree: StoreObject, path: string, file: FileContents, sha1: string): FileElement {
  return {
    SPDXID: `SPDXRef-File-${sha256Hex(`${tree.storePath}/${path}`).slice(0, 32)}`,
    fileName: `./${path}`,
    checksums: [
      { algorithm: "SHA1", checksumValue: sha1 },
      { algorithm: "SHA256", checksumValue: sha256Hex(file.contents) },
    ],
    licenseConcluded: "NOASSERTION",
    licenseInfoInFiles: ["NOASSERTION"],
    copyrightText: "NOASSERTION",
  };
}

/** SPDX 2.3 demands SHA-1 of every file, and a package's code over them (clauses 7.9 and 8.4); nothing here trusts it. */
function sha1Hex(file: FileContents): string {
  return createHash("sha1").update(file.contents).digest("hex");
}

function verificationCode(sha1s: readonly string[]): string {
  return createHash("sha1")
    .update([...sha1s].sort().join(""))
    .digest("hex");
}

function packageId(object: StoreObject): string {
  return `SPDXRef-Package-${object.name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;
}

function relationship(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): object {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}
