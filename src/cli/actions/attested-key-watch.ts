import { Failure } from "../../core/failure.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { isRepository } from "../../core/release/reference.ts";
import { downEntry, logLine } from "../../core/signer-log.ts";
import { mostRepositories } from "../../core/signer-settings.ts";
import type { SignerSettings } from "../../core/signer-settings.ts";
import type { LogEntry } from "../../core/signer-log.ts";
import { openCloudLog } from "../../operations/attested-key/cloud-log.ts";
import type { CloudLog, CloudLogOptions } from "../../operations/attested-key/cloud-log.ts";
import { openPublisher } from "../../operations/attested-key/open-attested-key.ts";
import { readMachineSettings } from "../../operations/attested-key/read-machine-settings.ts";
import { settingsChange } from "../../operations/attested-key/settings-change.ts";
import { runService } from "../../operations/attested-key/run-service.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { signerOfOptions } from "./attested-key-options.ts";
import type { SigningCommandOptions } from "./attested-key-options.ts";

export interface AttestedKeyWatchOptions extends SigningCommandOptions {
  /** Where things are is what the machine's metadata says; whom to trust is in files of the image all the same. */
  readonly metadata?: boolean;
  /** The metadata server; Google's unless given. Not on the command line: tests have their own. */
  readonly metadataAddress?: string;
  /** Milliseconds between two looks whether it says something else; a minute unless given. */
  readonly metadataInterval?: number;
  /** Cloud Logging's API; Google's unless given, and not on the command line either. */
  readonly loggingAddress?: string;
  readonly repository: readonly string[];
  readonly health: string;
  readonly interval: string;
  /** What the stack says that the policy is: a check against a mix-up, decided by nobody who could change it. */
  readonly policyDigest?: string;
}

const metadataMilliseconds = 60_000;

/** The action of `attested-key watch`: runs until it is interrupted, which is how it is stopped. */
export async function attestedKeyWatchAction(
  given: AttestedKeyWatchOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { now, progress, signal } = context;
  const toStandardError = (entry: LogEntry): void => {
    progress(logLine(now(), entry));
  };
  if (given.metadata !== true) return serve(given, context, toStandardError);
  requireSaidOnce(given);
  // First of all: what stops the service at its start is told nowhere else that anybody could look at.
  const cloud = cloudLogOf(given, { now, tell: toStandardError, signal });
  const log = (entry: LogEntry): void => {
    toStandardError(entry);
    cloud.write(entry);
  };
  try {
    return await serveByMetadata(given, context, log);
  } catch (error) {
    // To Cloud Logging alone: standard error gets it, with what to do, as the end of the command.
    if (error instanceof Failure && !signal.aborted) cloud.write(downEntry(error));
    throw error;
  } finally {
    // Within seconds, and never an error of its own: where the metadata server is silent, there is no token to write with.
    await cloud.close();
  }
}

/**
 * The service with what the machine's metadata says. It ends when that changes, and the machine's unit starts it anew: nobody can
 * log in to do so. Throws what reading it throws, and what stops the service at its start.
 */
async function serveByMetadata(
  options: AttestedKeyWatchOptions,
  context: CommandContext,
  log: (entry: LogEntry) => void,
): Promise<Outcome> {
  const { metadataAddress: address, metadataInterval: intervalMilliseconds = metadataMilliseconds } = options;
  const read = (signal: AbortSignal): Promise<SignerSettings> =>
    readMachineSettings({ signal, ...(address === undefined ? {} : { address }) });
  const settings = await read(context.signal);
  const { tsaUrls, repositories, ...places } = settings;
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  const change = settingsChange(settings, { read, intervalMilliseconds, signal }).then((changed) => {
    if (!changed) return;
    log({ level: "info", event: "settings-changed" });
    ending.abort();
  });
  try {
    const named = { ...options, ...places, repository: repositories, tsaUrl: tsaUrls };
    return await serve(named, { ...context, signal }, log);
  } finally {
    ending.abort();
    await change;
  }
}

/** The service itself. Throws what stops it at its start. */
async function serve(
  options: AttestedKeyWatchOptions,
  context: CommandContext,
  log: (entry: LogEntry) => void,
): Promise<Outcome> {
  const { repository: repositories } = options;
  const intervalMilliseconds = intervalOf(options.interval);
  requireRepositories(repositories);
  const { signer, broker } = signerOfOptions(options, context);
  const digest = policyDigest(signer.policy);
  if (options.policyDigest !== undefined && options.policyDigest !== digest) {
    throw usage(
      "ATTESTED_POLICY_OTHER",
      `The policy in this image has the digest ${digest}, and ${options.policyDigest} is expected.`,
      "Deploy the signer's release that has the expected policy, or correct the setting.",
    );
  }
  const { environment, signal, now } = context;
  const { policy, attester } = signer;
  const publishing = { repositories, policy, attester, now, ...(broker === undefined ? {} : { broker }) };
  const publisher = openPublisher(environment, publishing, signal);
  const { health } = options;
  const state = await runService({ publisher, signer, repositories, intervalMilliseconds, health, log, signal });
  const { signed, refused, failed } = state;
  return {
    exitCode: exitCodes.done,
    lines: [`stopped: ${signed} signed, ${refused} refused, ${failed} failed`],
    document: { ok: true, signed, refused, failed },
  };
}

/** A machine of Compute Engine also writes to Cloud Logging: nobody can look into its own log. */
function cloudLogOf(
  { metadataAddress, loggingAddress }: AttestedKeyWatchOptions,
  options: Pick<CloudLogOptions, "now" | "tell" | "signal">,
): CloudLog {
  return openCloudLog({
    ...options,
    ...(metadataAddress === undefined ? {} : { metadataAddress }),
    ...(loggingAddress === undefined ? {} : { loggingAddress }),
  });
}

/** Throws ATTESTED_SAID_TWICE (usage). */
function requireSaidOnce(options: AttestedKeyWatchOptions): void {
  const { repository, kbsUrl, kbsResource, collateralUrl, tsaUrl } = options;
  // By the options' names: an address may hold a password.
  const given = {
    "--repository": repository[0],
    "--kbs-url": kbsUrl,
    "--kbs-resource": kbsResource,
    "--collateral-url": collateralUrl,
    "--tsa-url": tsaUrl[0],
  };
  const twice = Object.entries(given).flatMap(([option, value]) => (value === undefined ? [] : [option]));
  if (twice.length === 0) return;
  throw usage(
    "ATTESTED_SAID_TWICE",
    `${twice.join(", ")} ${twice.length === 1 ? "is" : "are"} given beside --metadata, which says the same.`,
    "Leave out either --metadata or --repository, --kbs-url, --kbs-resource, --collateral-url and --tsa-url.",
  );
}

/** Throws ATTESTED_REPOSITORY_INVALID (usage). */
function requireRepositories(repositories: readonly string[]): void {
  // By their places: a repository that is none may be an address with a password.
  const faults = repositories.flatMap((text, index) =>
    isRepository(text) ? [] : [`number ${index + 1} is not registry/path`],
  );
  if (repositories.length === 0) faults.push("none is named");
  if (repositories.length > mostRepositories)
    faults.push(`${repositories.length} are named, ${mostRepositories} at most`);
  if (new Set(repositories).size !== repositories.length) faults.push("one is named twice");
  if (faults.length === 0) return;
  throw usage(
    "ATTESTED_REPOSITORY_INVALID",
    `The repositories to watch are wrong: ${faults.join("; ")}.`,
    "Name each by --repository registry/path, without tag and digest.",
  );
}

function intervalOf(text: string): number {
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  // The heartbeat comes once in it, and a proof of being attested counts for five minutes.
  if (seconds >= 5 && seconds <= 240) return seconds * 1000;
  throw usage("ATTESTED_INTERVAL_INVALID", `"${text}" is no interval.`, "Give whole seconds, from 5 to 240.");
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
