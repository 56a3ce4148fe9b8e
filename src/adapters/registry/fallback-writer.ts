import type { Answer } from "../../core/oci/answer.ts";
import { digestOf } from "../../core/oci/digest.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { mediaTypes } from "../../core/oci/formats.ts";
import { extendReferrerList, fallbackTag } from "../../core/oci/referrers.ts";
import type { ReferrerDescriptor } from "../../core/oci/referrers.ts";
import { referrersByTag } from "./list-referrers.ts";
import { pushManifest } from "./push.ts";
import type { Repository, Session } from "./session.ts";

/**
 * Adds to the list under the tag `sha256-<hex>`, for registries without the referrers API. The tag is one document that
 * every writer reads and replaces, so writers lose each other's entries unless they take care:
 * - in this process, additions to one subject are gathered and written together, one writer at a time;
 * - against other processes, `If-Match` where the registry sends an ETag; and in any case the list is read again until
 *   it has stood still, with our entries in it, for longer than a writer takes between its reading and its writing.
 * The last is no lock: a writer that stalls for longer than that can still undo an addition.
 */

interface Waiting {
  readonly session: Session;
  readonly descriptor: ReferrerDescriptor;
  readonly resolve: (answer: Answer<undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/** By `registry/path@digest`; there while a writer is at work. Shared by all clients of the process. */
const queues = new Map<string, Waiting[]>();

/** Lists a referrer under its subject's tag; idempotent. The manifest itself must have been pushed. */
export function addToFallbackTag(
  session: Session,
  repository: Repository,
  subject: Digest,
  descriptor: ReferrerDescriptor,
): Promise<Answer<undefined>> {
  const key = `${repository.registry}/${repository.path}@${subject}`;
  return new Promise((resolve, reject) => {
    const waiting: Waiting = { session, descriptor, resolve, reject };
    const queue = queues.get(key);
    if (queue !== undefined) {
      queue.push(waiting);
      return;
    }
    const started = [waiting];
    queues.set(key, started);
    void writeAll(key, started, repository, subject);
  });
}

async function writeAll(key: string, queue: Waiting[], repository: Repository, subject: Digest): Promise<void> {
  for (let batch = queue.splice(0); batch.length > 0; batch = queue.splice(0)) {
    const [first] = batch;
    if (first === undefined) break;
    // One client's credentials or its interruption say nothing about the others': they try for themselves.
    const others = batch.filter(({ session }) => session.settings !== first.session.settings);
    const own = batch.filter(({ session }) => session.settings === first.session.settings);
    const added = batch.map((waiting) => waiting.descriptor);
    try {
      const answer = await writeUntilKept(first.session, repository, subject, added);
      for (const waiting of answer.kind === "found" ? batch : own) waiting.resolve(answer);
      if (answer.kind !== "found") queue.unshift(...others);
    } catch (error) {
      for (const waiting of own) waiting.reject(error);
      queue.unshift(...others);
    }
  }
  // Nothing awaits between the last look at the queue and this, so no addition is forgotten.
  queues.delete(key);
}

/** Rounds of reading, writing and waiting before it is given up. */
const maxRounds = 40;
/** The shortest and longest time that the list must stand still. */
const minQuietMilliseconds = 100;
const maxQuietMilliseconds = 3000;

async function writeUntilKept(
  session: Session,
  repository: Repository,
  subject: Digest,
  added: readonly ReferrerDescriptor[],
): Promise<Answer<undefined>> {
  const { settings } = session;
  let quiet = minQuietMilliseconds;
  /** The list that we wrote or saw a quiet time ago. */
  let last: Digest | undefined;
  for (let round = 0; round < maxRounds; round += 1) {
    const readAt = settings.now();
    const current = await referrersByTag(session, repository, subject);
    if (current.kind !== "found" && current.kind !== "absent") return current;
    const existing = current.kind === "found" ? current.value.raw : [];
    const bytes = extendReferrerList(existing, added);
    if (bytes === undefined && current.kind === "found") {
      // Ours were there before we wrote anything, or the list stood still with them in it.
      if (last === undefined || current.value.digest === last) return { kind: "found", value: undefined };
      last = current.value.digest;
    } else if (bytes !== undefined) {
      const tooLarge = exceeded(session, existing.length + added.length, bytes.length);
      if (tooLarge !== undefined) return tooLarge;
      const etag = current.kind === "found" ? current.value.etag : undefined;
      const list = { mediaType: mediaTypes.index, bytes };
      const pushed = await pushManifest(session, repository, list, { tag: fallbackTag(subject), ifMatch: etag });
      if (pushed.kind !== "found" && pushed.kind !== "conflict") return pushed.kind === "absent" ? notTaken() : pushed;
      if (pushed.kind === "found") last = digestOf(bytes);
      // Others take about as long between reading and writing as we did; some are slower.
      quiet = Math.min(Math.max(quiet, 4 * (settings.now() - readAt)), maxQuietMilliseconds);
    }
    // Writers that lost to each other must not meet again in step.
    await settings.sleep(quiet * (1 + Math.random() / 2));
    settings.signal?.throwIfAborted();
  }
  return {
    kind: "broken",
    detail: `the tag ${fallbackTag(subject)} on ${repository.registry} kept being replaced by another writer`,
  };
}

function exceeded(session: Session, entries: number, bytes: number): Answer<never> | undefined {
  const { referrers, manifestBytes } = session.settings.caps;
  if (entries <= referrers && bytes <= manifestBytes) return undefined;
  return {
    kind: "too-large",
    detail: `the list would hold ${entries} referrers in ${bytes} bytes; ${referrers} in ${manifestBytes} are read`,
  };
}

function notTaken(): Answer<never> {
  return { kind: "broken", detail: "the list of referrers was not taken" };
}
