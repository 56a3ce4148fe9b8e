import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { openPinSources } from "../../src/operations/pin-sources.ts";
import type { PinSources } from "../../src/operations/pin-sources.ts";
import { startServer } from "../unit/adapters/registry/loopback-server.ts";
import type { LoopbackServer, PlannedAnswer } from "../unit/adapters/registry/loopback-server.ts";

export const imageManifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] });
export const imageDigest = digestOf(Buffer.from(imageManifest));
export const archive = "the archive of a chart";
export const archiveDigest = digestOf(Buffer.from(archive));
export const commit = "c".repeat(40);
export const pluginDigests = { amd64: `sha256:${"1".repeat(64)}`, arm64: `sha256:${"2".repeat(64)}` };

/** A registry, a chart repository and GitHub behind one port, and a checkout with pins of each kind. */
export interface PinsRig {
  readonly checkout: string;
  readonly server: LoopbackServer;
  readonly sources: PinSources;
  readonly text: () => string;
  /** Replaces in pins.yaml. */
  readonly edit: (from: string, to: string) => void;
}

/** `instead` may answer in a server's place, by path. */
export async function pinsRig(
  t: TestContext,
  instead: (path: string) => PlannedAnswer | undefined = () => undefined,
): Promise<PinsRig> {
  const server: LoopbackServer = await startServer(t, ({ url }) => instead(url) ?? answers(server.host, url));
  const checkout = mkdtempSync(join(tmpdir(), "neko-pins-"));
  t.after(() => {
    rmSync(checkout, { recursive: true });
  });
  const path = join(checkout, "pins.yaml");
  writeFileSync(path, pinsText(server.host));
  const text = (): string => readFileSync(path, "utf8");
  const registry = createRegistryClient({ retries: 0 });
  return {
    checkout,
    server,
    text,
    edit: (from, to) => {
      if (!text().includes(from)) throw new Error(`pins.yaml has no ${from}`);
      writeFileSync(path, text().replace(from, to));
    },
    sources: openPinSources({
      registry,
      github: { api: `http://${server.host}/api`, retries: 0 },
      fetch: async (address) => {
        const { download } = await import("../../src/adapters/downloads/download.ts");
        // A chart repository is https by the schema; here it is this server.
        const local = address.replace("https://charts.example", `http://${server.host}/charts`);
        return download(local, { maxBytes: 1024 * 1024, retries: 0 });
      },
    }),
  };
}

export const pinsText = (host: string): string => `# Who reads this?
schema: 1
images:
  # The broker.
  - name: kbs
    repository: ${host}/coco/kbs # behind a comment
    version: v0.21.0
    digest: unresolved
charts:
  - name: kyverno
    repository: https://charts.example/kyverno
    version: 3.9.1
    digest: "unresolved"
  - { name: arc, repository: "oci://${host}/charts/arc", version: 0.14.2+build, digest: unresolved }
actions:
  - name: checkout
    uses: actions/checkout
    version: v7.0.1
    commit: unresolved
plugins:
  - name: github
    version: 6.15.0
    sha256:
      linux/amd64: unresolved
      linux/arm64: unresolved
`;

function answers(host: string, path: string): PlannedAnswer {
  const manifest = { status: 200, headers: { "content-type": mediaTypes.index }, body: imageManifest };
  const tag = { type: "tag", sha: "d".repeat(40) };
  const json = (value: unknown): PlannedAnswer => ({ status: 200, body: JSON.stringify(value) });
  const asset = (arch: "amd64" | "arm64") => ({
    name: `pulumi-resource-github-v6.15.0-linux-${arch}.tar.gz`,
    browser_download_url: "https://nowhere.example/",
    digest: pluginDigests[arch],
  });
  const sums = (["amd64", "arm64"] as const).map((arch) => `${pluginDigests[arch].slice(7)}  ${asset(arch).name}\n`);
  const known: Readonly<Record<string, PlannedAnswer>> = {
    "/v2/coco/kbs/manifests/v0.21.0": manifest,
    "/v2/charts/arc/manifests/0.14.2_build": manifest,
    "/charts/kyverno/index.yaml": {
      status: 200,
      body: `entries: { kyverno: [{ version: 3.9.1, urls: [kyverno-3.9.1.tgz], digest: ${archiveDigest.slice(7)} }] }`,
    },
    "/charts/kyverno/kyverno-3.9.1.tgz": { status: 200, body: archive },
    "/api/repos/actions/checkout/git/ref/tags/v7.0.1": json({ object: tag }),
    [`/api/repos/actions/checkout/git/tags/${tag.sha}`]: json({ object: { type: "commit", sha: commit } }),
    "/api/repos/pulumi/pulumi-github/releases/tags/v6.15.0": json({
      assets: [
        asset("amd64"),
        asset("arm64"),
        { name: "pulumi-github_6.15.0_checksums.txt", browser_download_url: `http://${host}/sums`, digest: null },
      ],
    }),
    "/sums": { status: 200, body: sums.join("") },
  };
  return known[path] ?? { status: 404 };
}
