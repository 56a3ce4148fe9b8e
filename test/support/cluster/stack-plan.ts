import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signerOverlay } from "../../../lab/overlay.ts";
import { localPassphrase, placeholderRegistry, samplePath, signerPath } from "../../../lab/places.ts";
import { labSecrets } from "../../../lab/stack-secrets.ts";
import { projectWithoutSecrets } from "../../../lab/project-without-secrets.ts";
import { loadOrCreateMaterial } from "../../../lab/sigstore/authority-material.ts";
import { openJournal } from "../../../lab/stand-ins/journal.ts";
import { planOnly } from "../../../lab/stand-ins/kubernetes/place.ts";
import type { StandIn } from "../../../lab/stand-ins/provider.ts";
import { serve } from "../../../lab/stand-ins/server.ts";
import { standInsWith } from "../../../lab/stand-ins/start.ts";
import { isUnknown, masked, plainMap, rewriteMap } from "../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../lab/stand-ins/wire/values.ts";
import { writeWhole } from "../../../src/adapters/files/write-whole.ts";
import { localOverlayPath } from "../../../src/config/local-overlay.ts";
import type { LocalOverlay } from "../../../src/config/local-overlay.ts";
import { sha256Hex } from "../../../src/core/oci/digest.ts";
import { projectName } from "../../../src/config/read-config.ts";
import { findEngine } from "../../../src/engine/find-engine.ts";
import { openStack } from "../../../src/engine/open-stack.ts";
import { directoriesOf } from "../../../src/adapters/directories/directories.ts";
import type { ListedResource } from "../../../src/report/plan-listing.ts";
import program from "../../../index.ts";
import { checkout } from "../engine/engine-under-test.ts";

/** A resource of the Kubernetes provider with the inputs that its plan has: secrets in clear, unknowns marked. */
export interface PlannedResource {
  /** The resource's name in the program. */
  readonly name: string;
  /** The type token, for example `kubernetes:core/v1:ConfigMap`. */
  readonly type: string;
  readonly inputs: ValueMap;
}

/**
 * Writes what stack local takes from a running lab into a state folder: a root of this folder's Sigstore, and a release
 * that nobody looks for, as the plan is made offline.
 */
function writeLocalState(folder: string): void {
  const sigstore = join(folder, "sigstore");
  loadOrCreateMaterial(sigstore, { now: new Date() });
  const path = join(sigstore, "material", "trusted_root.json");
  const overlay: LocalOverlay = {
    schema: 1,
    hosts: { [placeholderRegistry]: "127.0.0.1:5001" },
    trustedRoot: { path, sha256: sha256Hex(readFileSync(path)), fetched: new Date().toISOString() },
    releases: [{ image: `127.0.0.1:5001/${samplePath}`, current: `sha256:${"a".repeat(64)}`, retained: [] }],
    secrets: labSecrets(join(folder, "secrets.json")),
    signerRelease: signerOverlay({
      ...{ repository: `127.0.0.1:5001/${signerPath}`, digest: `sha256:${"b".repeat(64)}` },
      disk: join(folder, "signer-disk.tar.gz"),
    }),
  };
  writeWhole(localOverlayPath(folder), JSON.stringify(overlay));
}

/**
 * All resources of the Kubernetes provider in the offline plan of a stack, by the real engine. What cloud accounts
 * would compute is answered with the lab's values, so that little stays unknown; commands are not run, what they would
 * print stays unknown, and so do the ids of resources that are yet to be made.
 */
export async function planOf(stack: string): Promise<readonly PlannedResource[]> {
  const planned = new Map<string, PlannedResource>();
  await previewOffline(stack, (standIn) => answering(standIn, planned));
  return [...planned.values()];
}

/** Every resource that the offline plan of a stack asks a provider for, secrets and unknown values masked. */
export async function listedPlanOf(stack: string): Promise<readonly ListedResource[]> {
  const planned = new Map<string, ListedResource>();
  await previewOffline(stack, (standIn) => ({
    ...standIn,
    plan: (resource, inputs, old, context) => {
      const { urn, name, type } = resource;
      const known = rewriteMap(inputs, (part) => (isUnknown(part) ? "[known after an update]" : undefined));
      planned.set(urn, { urn, name, type, inputs: masked(known) });
      return standIn.plan(resource, inputs, old, context);
    },
  }));
  return [...planned.values()];
}

async function previewOffline(stack: string, wrapped: (standIn: StandIn) => StandIn): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-plan-"));
  const environment = { ...process.env, NEKO_TRUST_STATE: join(folder, "state") };
  const directories = directoriesOf(checkout, environment);
  if (stack === "local") writeLocalState(directories.state);
  const journal = openJournal(join(folder, "journal.jsonl"));
  const scope = { stack, project: projectName, mode: "preview" } as const;
  const served = await Promise.all(
    standInsWith(planOnly()).map(async (standIn) => ({
      name: standIn.packageName,
      ...(await serve(wrapped(standIn), scope, journal)),
    })),
  );
  try {
    const engine = await findEngine({ directories, environment, progress: console.error });
    const handle = await openStack({
      engine,
      checkout: projectWithoutSecrets(checkout, stack, join(folder, "project")),
      stack,
      program: () => program({ environment, offline: true }),
      folder: join(folder, "engine"),
      passphrase: localPassphrase,
      attach: served.map(({ name, port }) => `${name}:${port}`).join(","),
      environment,
    });
    await handle.preview();
  } finally {
    await Promise.all(served.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The stand-in, with plans that know more, and (for Kubernetes) are written down. */
function answering(standIn: StandIn, planned: Map<string, PlannedResource>): StandIn {
  switch (standIn.packageName) {
    case "kubernetes":
      return {
        ...standIn,
        plan: (resource, inputs, old, context) => {
          planned.set(resource.urn, { name: resource.name, type: resource.type, inputs: plainMap(inputs) });
          return standIn.plan(resource, inputs, old, context);
        },
      };
    case "command":
      return standIn;
    default:
      // They reach nothing: what they would record is what the plan may know.
      return {
        ...standIn,
        plan: async (resource, inputs, _old, context) => (await standIn.create(resource, inputs, context)).outputs,
      };
  }
}
