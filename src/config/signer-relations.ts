import { z } from "zod";
import { repositoriesOf } from "../core/policy/policy-repositories.ts";
import type { SchemaFault } from "../core/schema-faults.ts";

const stamped = z.looseObject({
  policy: z.looseObject({ roots: z.looseObject({ tsa: z.int() }) }),
  confidentialSigner: z.looseObject({
    service: z.looseObject({ timestampUrl: z.union([z.string(), z.array(z.string())]) }),
  }),
});

/**
 * The signer stamps with as many authorities as the policy asks for: the one in its image is a production stack's without `tee`,
 * and with fewer it would refuse to start. What can't be read has faults of its own.
 */
export function timestampFaults(document: unknown): SchemaFault[] {
  const parsed = stamped.safeParse(document);
  if (!parsed.success) return [];
  const { policy, confidentialSigner } = parsed.data;
  const named = new Set([confidentialSigner.service.timestampUrl].flat()).size;
  const asked = policy.roots.tsa;
  if (named >= asked) return [];
  return [
    {
      path: "confidentialSigner.service.timestampUrl",
      found: `${named}`,
      allowed: `must name ${asked} time-stamp authorities: policy.roots.tsa asks for as many`,
    },
  ];
}

const attested = z.looseObject({
  policy: z.looseObject({ tee: z.looseObject({}) }),
  releases: z.array(z.looseObject({ image: z.string() })),
  confidentialSigner: z.looseObject({
    service: z.looseObject({ repository: z.union([z.string(), z.array(z.string())]) }),
  }),
});

/**
 * With `tee` every release of the stack has to have an attested signature, so that the stack's signer has to watch all of their
 * repositories: what it does not watch is never signed. What can't be read has faults of its own.
 */
export function watchedFaults(document: unknown): SchemaFault[] {
  const parsed = attested.safeParse(document);
  if (!parsed.success) return [];
  const { releases, confidentialSigner } = parsed.data;
  const watched = [confidentialSigner.service.repository].flat();
  const missing = [...new Set(releases.map(({ image }) => image))].filter((image) => !watched.includes(image));
  if (missing.length === 0) return [];
  return [
    {
      path: "confidentialSigner.service.repository",
      found: watched.join(", "),
      allowed: `must name ${missing.join(", ")}, too: policy.tee asks for an attested signature of each of releases`,
    },
  ];
}

const watching = z.looseObject({
  /** Where the lab gives the releases, it gives the repositories, too. */
  release: z.string().optional(),
  policy: z.looseObject({
    images: z.array(z.looseObject({ repository: z.string(), mirrors: z.array(z.string()) })),
  }),
  confidentialSigner: z.looseObject({
    service: z.looseObject({ repository: z.union([z.string(), z.array(z.string())]) }),
  }),
});

/**
 * A signer sends the credential to repositories of its policy alone, and does not start where it is to watch another one
 * (ATTESTED_REPOSITORY_UNLISTED): that would end the service for all of them, after a rollout. What can't be read has faults of
 * its own.
 */
export function unlistedFaults(document: unknown): SchemaFault[] {
  const parsed = watching.safeParse(document);
  if (!parsed.success || parsed.data.release === "lab") return [];
  const { policy, confidentialSigner } = parsed.data;
  const listed = repositoriesOf(policy);
  const unlisted = [confidentialSigner.service.repository].flat().filter((each) => !listed.includes(each));
  if (unlisted.length === 0) return [];
  return [
    {
      path: "confidentialSigner.service.repository",
      found: unlisted.join(", "),
      allowed: "must be images of the policy, or mirrors of them: a signer watches no other",
    },
  ];
}
