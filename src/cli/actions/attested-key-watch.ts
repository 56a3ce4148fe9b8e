import { Failure } from "../../core/failure.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { isRepository, parseReference } from "../../core/release/reference.ts";
import { openPublisher } from "../../operations/attested-key/open-attested-key.ts";
import { runService } from "../../operations/attested-key/run-service.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { signerOfOptions } from "./attested-key-options.ts";
import type { SigningCommandOptions } from "./attested-key-options.ts";

export interface AttestedKeyWatchOptions extends SigningCommandOptions {
  readonly repository?: string;
  readonly health: string;
  readonly interval: string;
  /** What the stack says that the policy is: a check against a mix-up, decided by nobody who could change it. */
  readonly policyDigest?: string;
}

/** The action of `attested-key watch`: runs until it is interrupted, which is how it is stopped. */
export async function attestedKeyWatchAction(
  options: AttestedKeyWatchOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { repository = "" } = options;
  const intervalMilliseconds = intervalOf(options.interval);
  if (!isRepository(repository)) {
    throw usage(
      "ATTESTED_REPOSITORY_INVALID",
      `"${repository}" is not registry/path.`,
      "Name the repository without tag and digest.",
    );
  }
  const { signer, broker } = signerOfOptions(options, context);
  const digest = policyDigest(signer.policy);
  if (options.policyDigest !== undefined && options.policyDigest !== digest) {
    throw usage(
      "ATTESTED_POLICY_OTHER",
      `The policy in this image has the digest ${digest}, and ${options.policyDigest} is expected.`,
      "Deploy the signer's release that has the expected policy, or correct the setting.",
    );
  }
  const { environment, signal, now, progress } = context;
  const { registry } = parseReference(`${repository}:latest`);
  const publishing = { attester: signer.attester, now, ...(broker === undefined ? {} : { broker }) };
  const client = openPublisher(environment, registry, publishing, signal);
  const state = await runService({
    client,
    signer,
    repository,
    intervalMilliseconds,
    health: options.health,
    log: (entry) => {
      progress(JSON.stringify({ time: now().toISOString(), ...entry }));
    },
    signal,
  });
  const { signed, refused, failed } = state;
  return {
    exitCode: exitCodes.done,
    lines: [`stopped: ${signed} signed, ${refused} refused, ${failed} failed`],
    document: { ok: true, signed, refused, failed },
  };
}

function intervalOf(text: string): number {
  const seconds = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds >= 5 && seconds <= 3600) return seconds * 1000;
  throw usage("ATTESTED_INTERVAL_INVALID", `"${text}" is no interval.`, "Give whole seconds, from 5 to 3600.");
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
