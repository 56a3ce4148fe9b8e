import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openLog } from "./append-only-log.ts";
import type { AppendOnlyLog } from "./append-only-log.ts";
import type { Service, ServiceAnswer } from "./answers.ts";
import { json, notFound } from "./answers.ts";
import { loadOrCreateMaterial } from "./authority-material.ts";
import type { AuthorityMaterial } from "./authority-material.ts";
import { rekorV1Signer, rekorV2Signer } from "./checkpoint.ts";
import type { CheckpointSigner } from "./checkpoint.ts";
import { fulcioService } from "./fulcio.ts";
import { labNames } from "./names.ts";
import { rekorV1Service } from "./rekor-v1.ts";
import { rekorV2Service } from "./rekor-v2.ts";
import { timestampService } from "./timestamp-authority.ts";

export interface InstanceOptions {
  readonly stateDirectory: string;
  readonly now?: () => Date;
  /** For tests; see MaterialOptions. */
  readonly intermediateMilliseconds?: number;
}

/** A Sigstore instance without its HTTP server: material, logs, and the services by URL prefix. */
export interface SigstoreInstance {
  readonly material: AuthorityMaterial;
  readonly logs: { readonly ct: AppendOnlyLog; readonly rekorV1: AppendOnlyLog; readonly rekorV2: AppendOnlyLog };
  readonly signers: { readonly rekorV1: CheckpointSigner; readonly rekorV2: CheckpointSigner };
  readonly services: ReadonlyMap<ServicePrefix, Service>;
  close(): void;
}

export type ServicePrefix = "/fulcio" | "/rekor" | "/rekor-v2" | "/tsa" | "/tuf" | "/healthz";

/** Opens the instance of a state folder; makes its keys and certificates at the first time. */
export function openInstance(options: InstanceOptions): SigstoreInstance {
  const now = options.now ?? (() => new Date());
  const material = loadOrCreateMaterial(options.stateDirectory, { ...options, now: now() });
  const directory = join(options.stateDirectory, "logs");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const logs = {
    ct: openLog(join(directory, "ct.jsonl")),
    rekorV1: openLog(join(directory, "rekor-v1.jsonl")),
    rekorV2: openLog(join(directory, "rekor-v2.jsonl")),
  };
  const signers = {
    rekorV1: rekorV1Signer(material.keys.rekorV1, labNames.rekorV1, material.treeId),
    rekorV2: rekorV2Signer(material.keys.rekorV2, labNames.rekorV2),
  };
  const services = new Map<ServicePrefix, Service>([
    ["/fulcio", fulcioService(material, logs.ct, now)],
    ["/rekor", rekorV1Service(logs.rekorV1, material.keys.rekorV1, signers.rekorV1, material.treeId, now)],
    ["/rekor-v2", rekorV2Service(logs.rekorV2, signers.rekorV2, now)],
    ["/tsa", timestampService(material.tsa, now)],
    ["/tuf", ({ method, path }) => (method === "GET" ? tufFile(material, path) : notFound)],
    ["/healthz", () => json(200, { status: "ok" })],
  ]);
  return {
    material,
    logs,
    signers,
    services,
    close: () => {
      for (const log of Object.values(logs)) log.close();
    },
  };
}

function tufFile(material: AuthorityMaterial, path: string): ServiceAnswer {
  const bytes = material.tuf.get(path);
  return bytes === undefined ? notFound : { status: 200, type: "application/json", body: bytes };
}
