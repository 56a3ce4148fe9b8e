import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parse, stringify } from "yaml";
import { workflowClaims } from "../../lab/sigstore/issue-token.ts";
import type { CommandContext } from "../../src/cli/context.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import type { Failure } from "../../src/core/failure.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { digestOf, sha256Hex } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { withValues } from "./documents.ts";
import { failureFrom } from "./failures.ts";
import { labRun, referrerOf, smallRelease } from "./release-lab.ts";
import type { ReleaseLab } from "./release-lab.ts";
import { serveRelease } from "./release-registry.ts";
import type { ReleaseRegistry } from "./release-registry.ts";
import { localConfig, signerKeys, stackFiles } from "./stack-files.ts";

/** A checkout whose stack local names a registry of its own instead of the running lab, so that its file can be edited. */
export interface StackLab {
  readonly served: ReleaseRegistry;
  readonly repository: string;
  readonly context: CommandContext;
  /** Path of stacks/Pulumi.local.yaml. */
  readonly path: string;
  readonly text: () => string;
  readonly write: (text: string) => void;
  /** Publishes the sample in another version; its digest. */
  readonly publish: (version: string, changes?: Parameters<typeof smallRelease>[2]) => Promise<Digest>;
  /** Takes the statements about a digest away again. */
  readonly withdraw: (digest: Digest) => void;
  /** The keys of the stack, with other values at dotted paths (`policy.name`), as YAML. */
  readonly yaml: (changes: Readonly<Record<string, unknown>>) => string;
  /** Writes another stack, of environment staging. */
  readonly writeStaging: (changes: Readonly<Record<string, unknown>>) => void;
}

/** A digest that nothing has. */
export const noDigest: Digest = `sha256:${"d".repeat(64)}`;

/** The Failure of a call that must leave the stack's file as it is. */
export async function refusalOf(stack: StackLab, call: () => Promise<unknown>): Promise<Failure> {
  const before = stack.text();
  const failure = await failureFrom(Promise.resolve().then(call));
  assert.equal(stack.text(), before);
  return failure;
}

/** The releases that a stack's file names. */
export function releasesOf(text: string): unknown {
  return (parse(text) as { config: Record<string, unknown> }).config["neko-trust:releases"];
}

/** Serves the lab's release; stack local has it as its one release, unless `changes` say otherwise. */
export async function stackLab(
  t: TestContext,
  lab: ReleaseLab,
  changes: Readonly<Record<string, unknown>> = {},
  options: Parameters<typeof serveRelease>[2] = {},
): Promise<StackLab> {
  const served = await serveRelease(t, lab, options);
  const files = stackFiles(t);
  const { checkout } = files.directories;
  const rootPath = join(checkout, "trusted_root.json");
  writeFileSync(rootPath, lab.sigstore.trustedRoot);
  const standard = {
    // What the lab alone has goes with the lab.
    ...Object.fromEntries(["release", ...signerKeys].map((key) => [key, undefined])),
    "policy.images.0.repository": served.repository,
    "policy.roots.sigstore.sha256": sha256Hex(lab.sigstore.trustedRoot),
    "policy.roots.sigstore.fetched": new Date(Date.now() - 86_400_000).toISOString(),
    trustedRoot: "trusted_root.json",
    releases: [{ image: served.repository, current: lab.evidence.digest, retained: [] }],
  };
  const yaml: StackLab["yaml"] = (more) => {
    const values = Object.entries({ ...standard, ...more }).map(
      ([path, value]) => [`neko-trust:${path}`, value] as const,
    );
    const document = { config: withValues(localConfig(), Object.fromEntries(values)) };
    return `# A comment.\n${stringify(document, { aliasDuplicateObjects: false })}`;
  };
  files.write("local", yaml(changes));
  const path = join(checkout, "stacks", "Pulumi.local.yaml");
  return {
    served,
    repository: served.repository,
    path,
    context: {
      directories: files.directories,
      environment: { HOME: checkout, DOCKER_CONFIG: checkout },
      now: () => new Date(),
      signal: new AbortController().signal,
      progress: () => undefined,
    },
    text: () => readFileSync(path, "utf8"),
    write: (text) => {
      writeFileSync(path, text);
    },
    publish: (version, more) => publishVersion(served, lab, version, more),
    withdraw: (digest) => {
      const { manifests } = served.registry;
      for (const [name, { body }] of manifests) {
        const { subject } = JSON.parse(body.toString()) as { subject?: { digest?: string } };
        if (subject?.digest === digest) manifests.delete(name);
      }
    },
    yaml,
    writeStaging: (more) => {
      const staging = { "policy.environment": "staging", "clusters.0.kubeconfig": "kubeconfig", ...more };
      files.write("staging", yaml(staging));
    },
  };
}

/** Such a checkout, where the sample is the signer's release, under a policy of its own; the stack's policy has it not. */
export async function signerStackLab(
  t: TestContext,
  lab: ReleaseLab,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<StackLab> {
  const stack = await stackLab(t, lab);
  const { repository: image } = stack;
  const { policy } = readYamlConfig("local", stack.context.directories);
  const signerRelease = {
    image,
    current: noDigest,
    retained: [],
    disk: { kind: "oci", reference: `${image}@${noDigest}` },
    policy: { ...policy, name: "neko-lab-signer" },
    trustedRoot: "trusted_root.json",
  };
  const elsewhere = "registry.neko-lab.test/m1k1o/neko/elsewhere";
  stack.write(stack.yaml({ "policy.images.0.repository": elsewhere, releases: [], signerRelease, ...changes }));
  return stack;
}

/** Puts the sample, built for another version's tag, into the registry with all its statements. */
async function publishVersion(
  { registry }: ReleaseRegistry,
  lab: ReleaseLab,
  version: string,
  changes: Parameters<typeof smallRelease>[2] = {},
): Promise<Digest> {
  const run = { ...labRun, ref: `refs/tags/v${version}` };
  const release = smallRelease(run, version, changes);
  const { index } = release.index;
  registry.manifests.set(index.digest, { type: mediaTypes.index, body: Buffer.from(index.bytes) });
  for (const { image } of release.platforms) {
    registry.manifests.set(image.manifest.digest, {
      type: mediaTypes.manifest,
      body: Buffer.from(image.manifest.bytes),
    });
  }
  for (const { statement, subject } of release.statements) {
    const bundle = await lab.sigstore.sign(canonicalBytes(statement), { claims: workflowClaims(run) });
    const { digest, manifest } = referrerOf(release, subject, bundle);
    if (manifest.kind !== "found") throw new Error("a referrer that was just made has no manifest");
    registry.manifests.set(digest, { type: mediaTypes.manifest, body: Buffer.from(manifest.value) });
    registry.blobs.set(digestOf(bundle), Buffer.from(bundle));
  }
  return index.digest;
}
