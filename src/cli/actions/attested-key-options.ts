import { kbsUsage } from "../../core/kbs/kbs-failure.ts";
import { requireKbsUrl } from "../../core/kbs/kbs-url.ts";
import { kbsTrust } from "../../core/kbs/trust.ts";
import { Failure } from "../../core/failure.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { serviceAddress } from "../../core/service-address.ts";
import { openAttestedKey } from "../../operations/attested-key/open-attested-key.ts";
import type { BrokerOptions, GuestOptions } from "../../operations/attested-key/open-attested-key.ts";
import type { AttestedSigner } from "../../operations/attested-key/attested-signer.ts";
import type { CommandContext } from "../context.ts";
import { readInput } from "./files.ts";
import { trustOf } from "./trust-options.ts";
import type { TrustOptions } from "./trust-options.ts";

/** Where collateral comes from. */
export interface GuestCommandOptions {
  readonly collateralUrl?: string;
  readonly minEvaluation?: string;
}

/** How the command line names a key broker, and whom it has to be. */
export interface BrokerCommandOptions {
  readonly kbsUrl?: string;
  readonly kbsTlsAuthority?: string;
  readonly kbsTlsKey?: string;
  readonly kbsTokenAuthority?: string;
  readonly kbsTokenKey?: string;
  readonly kbsTokenIssuer?: string;
  readonly kbsResource?: string;
  readonly kbsKeyResource?: string;
}

export interface SigningCommandOptions extends TrustOptions, GuestCommandOptions, BrokerCommandOptions {
  readonly tsaUrl: readonly string[];
}

/** The key broker that the options name, or undefined. Throws ATTESTED_BROKER_UNNAMED, KBS_URL_INVALID, KBS_TRUST_INVALID and what kbsTrust throws. */
export function brokerOf(
  options: BrokerCommandOptions,
  environment: TrustPolicy["environment"],
): BrokerOptions | undefined {
  const { kbsUrl: url, ...others } = options;
  const { kbsTlsAuthority, kbsTlsKey, kbsTokenAuthority, kbsTokenKey, kbsTokenIssuer } = others;
  const { kbsResource: resource, kbsKeyResource: keyResource } = others;
  if (url === undefined) {
    const named = [kbsTlsAuthority, kbsTlsKey, kbsTokenAuthority, kbsTokenKey, kbsTokenIssuer, resource, keyResource];
    if (named.every((value) => value === undefined)) return undefined;
    throw unnamed("Something is said of a key broker, but not where it is.");
  }
  // Before the pins: whoever gives a wrong address need not be told of files first.
  requireKbsUrl(url);
  requirePins(options);
  const text = (option: string, path: string): string => Buffer.from(readInput(option, path)).toString("utf8");
  return {
    url,
    trust: kbsTrust(
      {
        ...(kbsTlsAuthority === undefined ? {} : { tlsAuthority: text("--kbs-tls-authority", kbsTlsAuthority) }),
        ...(kbsTlsKey === undefined ? {} : { tlsKeySha256: kbsTlsKey }),
        ...(kbsTokenAuthority === undefined
          ? {}
          : { tokenAuthority: text("--kbs-token-authority", kbsTokenAuthority) }),
        ...(kbsTokenKey === undefined ? {} : { tokenKey: text("--kbs-token-key", kbsTokenKey) }),
        ...(kbsTokenIssuer === undefined ? {} : { tokenIssuer: kbsTokenIssuer }),
      },
      environment,
    ),
    ...(resource === undefined ? {} : { resource }),
    ...(keyResource === undefined ? {} : { keyResource }),
  };
}

/** Of each pair one, told by the options' names and both at once. Throws KBS_TRUST_INVALID (usage). */
function requirePins(options: BrokerCommandOptions): void {
  const { kbsTlsAuthority, kbsTlsKey, kbsTokenAuthority, kbsTokenKey } = options;
  const pairs = [
    ["--kbs-token-authority", kbsTokenAuthority, "--kbs-token-key", kbsTokenKey],
    ["--kbs-tls-authority", kbsTlsAuthority, "--kbs-tls-key", kbsTlsKey],
  ] as const;
  const missing = pairs.flatMap(([root, hasRoot, key, hasKey]) =>
    hasRoot === undefined && hasKey === undefined ? [`${root} or ${key}`] : [],
  );
  const both = pairs.flatMap(([root, hasRoot, key, hasKey]) =>
    hasRoot !== undefined && hasKey !== undefined ? [`${root} and ${key} are both given`] : [],
  );
  const [one, other] = missing;
  if (one !== undefined) both.unshift(`${one} is missing${other === undefined ? "" : `, and so is ${other}`}`);
  if (both.length === 0) return;
  throw kbsUsage(
    "KBS_TRUST_INVALID",
    `It isn't clear who the key broker has to be: ${both.join("; ")}.`,
    "Give one of each pair; both are in the files that the key broker's operator publishes.",
  );
}

/** As brokerOf, where there has to be one and no policy says which environment it is: a lab's roots are refused. */
export function requiredBrokerOf(options: BrokerCommandOptions): BrokerOptions {
  const broker = options.kbsUrl === undefined ? undefined : brokerOf(options, "production");
  if (broker === undefined) throw unnamed("It isn't said where the key broker is.");
  return broker;
}

function unnamed(message: string): Failure {
  const remedy = "Give --kbs-url https://host/kbs with what it and its attestation results are known by.";
  return new Failure({ code: "ATTESTED_BROKER_UNNAMED", kind: "usage", message, remedy });
}

/** Collateral's address, floor and cache, and the clock. Throws ATTESTED_EVALUATION_INVALID (usage). */
export function guestOptions(
  { collateralUrl, minEvaluation }: GuestCommandOptions,
  { directories, now }: CommandContext,
): GuestOptions {
  return {
    ...(collateralUrl === undefined ? {} : { collateralUrl }),
    ...(minEvaluation === undefined ? {} : { minEvaluation: evaluationOf(minEvaluation) }),
    cache: directories.cache,
    now,
  };
}

function evaluationOf(text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text);
  throw new Failure({
    code: "ATTESTED_EVALUATION_INVALID",
    kind: "usage",
    message: `${JSON.stringify(text.slice(0, 40))} is no evaluation number of Intel's.`,
    remedy: "Give a whole number, as tee.minEvaluation of the verifiers' policy has it.",
  });
}

/** Throws ATTESTED_URL_INVALID (usage), which does not quote the address. */
function requireServiceAddress(option: string, text: string): void {
  if (serviceAddress(text) !== undefined) return;
  throw new Failure({
    code: "ATTESTED_URL_INVALID",
    kind: "usage",
    message: `What ${option} gives is no address of a service.`,
    remedy: "Give an https URL without credentials, query or fragment (http only on loopback).",
  });
}

/** The signer of this machine, as the options say. Throws ATTESTED_URL_INVALID, and what trust, broker and guest throw. */
export function signerOfOptions(
  options: SigningCommandOptions,
  context: CommandContext,
): { readonly signer: AttestedSigner; readonly broker: BrokerOptions | undefined } {
  const { collateralUrl, tsaUrl } = options;
  // At once, not at the first image: a service that starts looks as if it could sign.
  if (collateralUrl !== undefined) requireServiceAddress("--collateral-url", collateralUrl);
  for (const url of tsaUrl) requireServiceAddress("--tsa-url", url);
  const trust = trustOf(options, context);
  const broker = brokerOf(options, trust.policy.environment);
  const signer = openAttestedKey({
    ...guestOptions(options, context),
    ...trust,
    tsaUrls: tsaUrl,
    ...(broker === undefined ? {} : { broker }),
  });
  return { signer, broker };
}
