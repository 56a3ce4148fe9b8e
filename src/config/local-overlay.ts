import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure, reasonOf } from "../core/failure.ts";
import { isRecord } from "../core/is-record.ts";
import { safeParse } from "../core/safe-parse.ts";
import { digestSchema } from "../core/oci/formats.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";

const release = z.strictObject({ image: z.string(), current: digestSchema, retained: z.array(digestSchema) });

/**
 * What changes from one lab to the next (ports, digests, roots) and so can't be in the committed
 * stacks/Pulumi.local.yaml. The lab writes it to the state folder; it is read for stack `local` only.
 */
export const localOverlaySchema = z.strictObject({
  schema: z.literal(1),
  /** Placeholder host in the stack file → host and port on loopback. */
  hosts: z.record(z.string(), z.string().regex(/^127\.0\.0\.1:[0-9]{1,5}$/)),
  trustedRoot: z.strictObject({ path: z.string(), sha256: z.string(), fetched: z.string() }),
  releases: z.array(release),
  /** What stands for the stack's secrets; made with the lab, and of use to nobody else. */
  secrets: z.record(z.string(), z.string()),
  signerRelease: release.extend({ disk: z.strictObject({ kind: z.literal("file"), path: z.string() }) }),
});
export type LocalOverlay = z.infer<typeof localOverlaySchema>;

export function localOverlayPath(stateDirectory: string): string {
  return join(stateDirectory, "local.json");
}

/** Reads the lab's overlay; throws LAB_NOT_RUNNING (unavailable) when the lab never wrote one. */
export function readLocalOverlay(stateDirectory: string): LocalOverlay {
  const path = localOverlayPath(stateDirectory);
  if (!existsSync(path)) {
    throw new Failure({
      code: "LAB_NOT_RUNNING",
      kind: "unavailable",
      message: "Stack local takes its releases from the lab, and this checkout has none.",
      remedy: "Start it with: make up",
    });
  }
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw damaged(path, [reasonOf(error)]);
  }
  const parsed = safeParse(localOverlaySchema, document);
  if (parsed.success) return parsed.data;
  throw damaged(path, schemaFaults(parsed.error, document).map(faultLine));
}

function damaged(path: string, details: readonly string[]): Failure {
  return new Failure({
    code: "LAB_STATE_DAMAGED",
    kind: "unavailable",
    message: `The lab's state file ${path} can't be read.`,
    remedy: "Start afresh with: make down && make up",
    details,
  });
}

function withHost(repository: unknown, hosts: LocalOverlay["hosts"]): unknown {
  if (typeof repository !== "string") return repository;
  const slash = repository.indexOf("/");
  const placeholder = repository.slice(0, Math.max(slash, 0));
  const host = Object.hasOwn(hosts, placeholder) ? hosts[placeholder] : undefined;
  return host === undefined ? repository : host + repository.slice(slash);
}

/** Lays the overlay over the raw keys of Pulumi.local.yaml, before they are parsed. */
export function applyLocalOverlay(
  document: Readonly<Record<string, unknown>>,
  overlay: LocalOverlay,
): Record<string, unknown> {
  const { signerRelease: signer } = document;
  return {
    ...document,
    policy: withLabRoots(document["policy"], overlay),
    trustedRoot: overlay.trustedRoot.path,
    releases: overlay.releases,
    ...(isRecord(signer)
      ? { signerRelease: { ...signer, ...overlay.signerRelease, policy: withLabRoots(signer["policy"], overlay) } }
      : {}),
  };
}

function withLabRoots(given: unknown, overlay: LocalOverlay): Record<string, unknown> {
  const policy = isRecord(given) ? given : {};
  const roots = isRecord(policy["roots"]) ? policy["roots"] : {};
  const sigstore = isRecord(roots["sigstore"]) ? roots["sigstore"] : {};
  const images = Array.isArray(policy["images"]) ? policy["images"] : [];
  const { sha256, fetched } = overlay.trustedRoot;
  return {
    ...policy,
    images: images.map((image: unknown) =>
      isRecord(image) ? { ...image, repository: withHost(image["repository"], overlay.hosts) } : image,
    ),
    roots: { ...roots, sigstore: { ...sigstore, sha256, fetched } },
  };
}
