import { join } from "node:path";
import { Failure } from "../../core/failure.ts";
import { digestOf } from "../../core/oci/digest.ts";
import { parseReference } from "../../core/release/reference.ts";
import { attestSelf } from "../../operations/attested-key/attest-self.ts";
import type { SelfAttestation } from "../../operations/attested-key/attest-self.ts";
import { attestToBroker } from "../../operations/attested-key/attest-to-broker.ts";
import { imagePolicyPath, readImagePolicy } from "../../operations/attested-key/image-policy.ts";
import type { ImagePolicy } from "../../operations/attested-key/image-policy.ts";
import { openGuest, openPublisher } from "../../operations/attested-key/open-attested-key.ts";
import { signAttested } from "../../operations/attested-key/sign-attested.ts";
import { requireClock } from "../../operations/attested-key/trusted-clock.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { guestOptions, requiredBrokerOf, signerOfOptions } from "./attested-key-options.ts";
import type { BrokerCommandOptions, GuestCommandOptions, SigningCommandOptions } from "./attested-key-options.ts";
import { assertOutput, assertOutputFolder, writeOutput } from "./files.ts";
import { trustOf } from "./trust-options.ts";
import { verifyImageAction } from "./verify-image.ts";
import type { VerifyImageOptions } from "./verify-image.ts";

function attestationDocument({ quote, evidence }: SelfAttestation) {
  const { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 } = quote.report;
  return {
    measurements: { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 },
    platform: { ppid: quote.ppid, fmspc: quote.fmspc },
    tcb: { ...quote.tcb, date: quote.tcb.date.toISOString() },
    expires: quote.expires.toISOString(),
    quote: { version: quote.version, bytes: evidence.quote.length, sha256: digestOf(evidence.quote) },
  };
}

function attestationLines(attested: SelfAttestation): string[] {
  const { measurements, platform, tcb, expires } = attestationDocument(attested);
  return [
    ...Object.entries(measurements).map(([name, value]) => `  ${name.toUpperCase().padEnd(6)} ${value}`),
    `  PPID   ${platform.ppid}, FMSPC ${platform.fmspc}`,
    `  TCB    ${tcb.status}, level of ${tcb.date.slice(0, 10)}, evaluation ${tcb.evaluation}${tcb.advisories.length === 0 ? "" : `, open: ${tcb.advisories.join(", ")}`}`,
    `  until  ${expires}`,
  ];
}

export interface AttestedKeyStatusOptions extends GuestCommandOptions {
  /** The image's own unless given. */
  readonly policy?: string;
}

/** The action of `attested-key status`. */
export async function attestedKeyStatusAction(
  options: AttestedKeyStatusOptions,
  context: CommandContext,
): Promise<Outcome> {
  const policy = readImagePolicy(options.policy);
  const attested = await attestSelf({ ...openGuest(guestOptions(options, context)), now: context.now }, context.signal);
  return statusOutcome(attested, policy);
}

/** What operators compare with the stack: measurements and platform with `tee`, the policy's digest with `tee.policyDigests`. */
export function statusOutcome(attested: SelfAttestation, policy: ImagePolicy | undefined): Outcome {
  const verifies =
    policy === undefined
      ? `  policy none at ${imagePolicyPath}: give --policy`
      : `  policy ${policy.digest} ("${policy.name}", ${policy.path})`;
  return {
    exitCode: exitCodes.done,
    lines: ["✓ this machine is attested", ...attestationLines(attested), verifies],
    document: {
      ok: true,
      attested: true,
      ...attestationDocument(attested),
      ...(policy === undefined ? {} : { policy }),
    },
  };
}

export interface AttestedKeyQuoteOptions {
  readonly reportData?: string;
  readonly output: string;
}

/** The action of `attested-key quote`. */
export async function attestedKeyQuoteAction(
  options: AttestedKeyQuoteOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { reportData = "", output } = options;
  if (!/^[0-9a-f]{128}$/.test(reportData)) {
    throw new Failure({
      code: "ATTESTED_REPORT_DATA_INVALID",
      kind: "usage",
      message: "Report data is 64 bytes, and what was given is not 128 lower-case hex digits.",
      remedy: "Hash what the quote is to be bound to with SHA-512.",
    });
  }
  assertOutputFolder("--output", output);
  const files = { quote: join(output, "quote.bin"), eventLog: join(output, "event-log.bin") };
  for (const file of Object.values(files)) assertOutput("--output", file);
  const { attester } = openGuest(guestOptions({}, context));
  const evidence = await attester.attest(Buffer.from(reportData, "hex"), context.signal);
  writeOutput("--output", files.quote, evidence.quote);
  writeOutput("--output", files.eventLog, evidence.eventLog);
  return {
    exitCode: exitCodes.done,
    lines: [`${files.quote}: ${evidence.quote.length} bytes`, `${files.eventLog}: ${evidence.eventLog.length} bytes`],
    document: { ok: true, ...files, sha256: digestOf(evidence.quote) },
  };
}

export interface AttestedKeyAttestOptions extends BrokerCommandOptions {
  readonly kbsResource: string;
}

/** The action of `attested-key attest`. */
export async function attestedKeyAttestAction(
  options: AttestedKeyAttestOptions,
  context: CommandContext,
): Promise<Outcome> {
  const broker = requiredBrokerOf(options);
  const { attester } = openGuest(guestOptions({}, context));
  const { now, signal } = context;
  const resource = options.kbsResource;
  const { bytes } = await attestToBroker({ broker, resource, attester, now, signal });
  return {
    exitCode: exitCodes.done,
    lines: [`✓ attested: the key broker released ${resource} (${bytes} bytes, not shown)`],
    document: { ok: true, resource, bytes },
  };
}

/** The action of `attested-key sign`. */
export async function attestedKeySignAction(
  text: string,
  options: SigningCommandOptions,
  context: CommandContext,
): Promise<Outcome> {
  const reference = parseReference(text);
  if (reference.digest === undefined) {
    throw new Failure({
      code: "ATTESTED_DIGEST_NEEDED",
      kind: "usage",
      message: `"${text}" names a tag; a request to an attested signer is a digest.`,
      remedy: `Write ${reference.repository}@sha256:<64 hex digits>.`,
    });
  }
  const { signer, broker } = signerOfOptions(options, context);
  const { environment, now, signal, progress } = context;
  const { policy, attester } = signer;
  const publishing = {
    repositories: [reference.repository],
    policy,
    attester,
    now,
    ...(broker === undefined ? {} : { broker }),
  };
  const { client } = openPublisher(environment, publishing, signal);
  progress(`verifying ${text} under policy "${policy.name}", then signing it`);
  // A wrong clock refuses good images, too: it is told as what it is.
  await requireClock(signer, signal);
  const signed = await signAttested(client, signer, reference, signal);
  const { release, ...document } = signed;
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ signed ${signed.resolved}`,
      `  verified under policy "${release.policyName}" (${release.policyDigest})`,
      `  ${signed.key === "ephemeral" ? "a key for this image alone" : "the key broker's key: the KBS operator can sign with it, too"}, ${signed.fingerprint}`,
      `  quote made between ${signed.challengedAt} and ${signed.signedAt}`,
      `  attached as ${signed.referrer} (${signed.listedBy === "api" ? "referrers API" : "fallback tag"})`,
    ],
    document: { ok: true, ...document, policy: release.policyDigest },
  };
}

/** The action of `attested-key verify`: as verify-image, under a policy that demands an attested signature. */
export async function attestedKeyVerifyAction(
  reference: string,
  options: VerifyImageOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { policy } = trustOf(options, context);
  if (policy.tee === undefined) {
    throw new Failure({
      code: "ATTESTED_NOT_DEMANDED",
      kind: "usage",
      message: `The policy "${policy.name}" has no tee: it demands no attested signature, so none would be verified.`,
      remedy: "Add tee to the policy (docs/confidential-signer.md), or use verify-image for all else.",
    });
  }
  return verifyImageAction([reference], options, context);
}
