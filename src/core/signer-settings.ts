import { z } from "zod";
import { isResourceId } from "./kbs/resource-id.ts";
import { readKbsUrl } from "./kbs/kbs-url.ts";
import { isRepository } from "./release/reference.ts";
import { safeParse } from "./safe-parse.ts";
import { mostTimestamps } from "./tdx/evidence-document.ts";

const https = z
  .string()
  .max(1024)
  .regex(/^https:\/\/[^\s@?#]+$/, "must be an https URL without credentials, query or fragment");
const distinct = (urls: readonly string[]): boolean => new Set(urls).size === urls.length;
/** Addresses in one attribute: none of them may have a comma in it. */
const listOfHttps = z
  .string()
  .max(mostTimestamps * 1024)
  .transform((text) => text.split(","))
  .pipe(
    z
      .array(https)
      .max(mostTimestamps, `must be ${mostTimestamps} addresses at most, with commas between them`)
      .refine(distinct, "must not repeat an address"),
  );

/** As many as one signer watches. */
export const mostRepositories = 8;
const listOfRepositories = z
  .string()
  .max(mostRepositories * 513)
  .transform((text) => text.split(","))
  .pipe(
    z
      .array(z.string().refine(isRepository, "must be registry/path, without tag and digest"))
      .max(mostRepositories, `must be ${mostRepositories} repositories at most, with commas between them`)
      .refine(distinct, "must not repeat a repository"),
  );

/**
 * What a signer's machine is told by its metadata (ConfidentialSigner writes it): where things are. Whoever can write
 * metadata can change each of these, so none of them decides what is trusted; that lies in the measured image.
 */
const attributesSchema = z.looseObject({
  "neko-trust-repository": listOfRepositories,
  "neko-trust-key-broker-url": https.refine((text) => readKbsUrl(text) !== undefined, "must be https://host/kbs"),
  "neko-trust-key-broker-resource": z.string().refine(isResourceId, "must be repository/type/tag"),
  "neko-trust-collateral-url": https,
  "neko-trust-timestamp-url": listOfHttps,
});

export interface SignerSettings {
  /** 1 to 8, `registry/path`. */
  readonly repositories: readonly string[];
  readonly kbsUrl: string;
  readonly kbsResource: string;
  readonly collateralUrl: string;
  /** 1 to 4: one stamp of each lies beside a signature. */
  readonly tsaUrls: readonly string[];
}

/** The settings in a machine's attributes, or every fault: `name: what it must be`. Other attributes are not read. */
export function signerSettings(
  attributes: unknown,
):
  | { readonly ok: true; readonly settings: SignerSettings }
  | { readonly ok: false; readonly faults: readonly string[] } {
  const parsed = safeParse(attributesSchema, attributes);
  if (!parsed.success) {
    return { ok: false, faults: parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) };
  }
  const { data } = parsed;
  return {
    ok: true,
    settings: {
      repositories: data["neko-trust-repository"],
      kbsUrl: data["neko-trust-key-broker-url"],
      kbsResource: data["neko-trust-key-broker-resource"],
      collateralUrl: data["neko-trust-collateral-url"],
      tsaUrls: data["neko-trust-timestamp-url"],
    },
  };
}
