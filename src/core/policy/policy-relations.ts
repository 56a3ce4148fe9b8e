import { z } from "zod";
import { isDigest } from "../oci/digest.ts";

/** What one field of a policy demands of another. */
export interface RelationFault {
  readonly path: (string | number)[];
  readonly message: string;
}

const kinds = ["signature", "manifest", "provenance", "sbom"] as const;

const texts = z.array(z.string().catch("")).catch([]);
const named = z.array(z.looseObject({ id: z.string() }).catch({ id: "" }));

/**
 * What relations are about, whatever else is in the document. A list that can't be read is undefined: nothing is said
 * about what refers to it, as its own fault is told already.
 */
const readable = z.looseObject({
  environment: z.unknown(),
  images: z
    .array(z.looseObject({ repository: z.string().catch(""), mirrors: texts }).catch({ repository: "", mirrors: [] }))
    .catch([]),
  signers: named.optional().catch(undefined),
  rebuilds: z.looseObject({ rebuilders: named.optional().catch(undefined) }).catch({ rebuilders: undefined }),
  require: z.record(z.string(), z.unknown()).catch({}),
  revoked: texts,
});
type Readable = z.infer<typeof readable>;

/** Every fault between the fields of a policy that may have other faults too. */
export function policyRelations(policy: unknown): readonly RelationFault[] {
  const parsed = readable.safeParse(policy);
  if (!parsed.success) return [];
  return [
    ...repeatedSigners(parsed.data),
    ...requirements(parsed.data),
    ...revocations(parsed.data),
    ...repeatedImages(parsed.data),
  ];
}

function repeatedSigners({ signers = [] }: Readable): RelationFault[] {
  const ids = signers.map(({ id }) => id);
  return ids.flatMap((id, index) =>
    id !== "" && ids.indexOf(id) < index ? [{ path: ["signers", index, "id"], message: `"${id}" is used twice` }] : [],
  );
}

function requirements({ signers, require, environment }: Readable): RelationFault[] {
  const faults: RelationFault[] = [];
  const lists = kinds.map((kind) => [kind, texts.parse(require[kind])] as const);
  for (const [kind, list] of lists) {
    list.forEach((id, index) => {
      if (signers === undefined || signers.some((signer) => signer.id === id)) return;
      faults.push({ path: ["require", kind, index], message: `no signer has the id "${id}"` });
    });
    if (environment === "production" && Array.isArray(require[kind]) && list.length === 0) {
      faults.push({ path: ["require", kind], message: "must name at least one signer in production" });
    }
  }
  if (lists.every(([kind, list]) => Array.isArray(require[kind]) && list.length === 0)) {
    faults.push({
      path: ["require"],
      message: "must name at least one signer: a policy that trusts nobody admits nothing",
    });
  }
  return faults;
}

/** A misspelt revocation would revoke nobody and say nothing. */
function revocations({ signers, rebuilds, revoked }: Readable): RelationFault[] {
  const { rebuilders } = rebuilds;
  if (signers === undefined || rebuilders === undefined) return [];
  const ids = [...signers, ...rebuilders].map(({ id }) => id);
  return revoked.flatMap((entry, index) =>
    isDigest(entry) || ids.includes(entry)
      ? []
      : [{ path: ["revoked", index], message: `neither a signer nor a rebuilder has the id "${entry}"` }],
  );
}

function repeatedImages({ images }: Readable): RelationFault[] {
  const seen = new Set<string>();
  return images.flatMap((entry, index) =>
    [entry.repository, ...entry.mirrors].flatMap((repository) => {
      if (repository === "" || seen.size !== seen.add(repository).size) return [];
      return [{ path: ["images", index], message: `"${repository}" is named twice` }];
    }),
  );
}
