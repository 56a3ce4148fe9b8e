import { readFileSync } from "node:fs";
import { assertPinsResolved } from "../core/pins/assert-pins-resolved.ts";
import type { NeededPins } from "../core/pins/assert-pins-resolved.ts";
import type { Pins } from "../core/pins/pins.ts";
import { requireApprovedPolicies, verifiesNothing } from "./approved-policies.ts";
import type { ApprovalContext } from "./approved-policies.ts";
import { refusePlaceholders } from "./placeholders.ts";
import { refusePlainSecrets, stackFilePath, yamlKeys } from "./read-config.ts";
import { refuseSharedSingletons } from "./singletons.ts";
import type { StackConfig } from "./stack-config.ts";

export interface GuardContext extends ApprovalContext {
  readonly stack: string;
  readonly checkout: string;
  readonly pins: Pins;
  readonly needed: NeededPins;
}

/**
 * Everything that must hold before a stack is changed, beyond what its file says by itself: nothing that another stack
 * claims, no placeholder, no pin without a digest in production, no policy that nobody approved. A preview gets warnings.
 * Throws STACK_UNKNOWN, CONFIG_NOT_YAML, SECRET_IN_PLAIN_TEXT, SINGLETON_CLAIMED_TWICE, PLACEHOLDERS_LEFT, PIN_UNRESOLVED, POLICY_NOT_APPROVED, POLICY_APPROVAL_MISSING,
 * APPROVAL_UNREADABLE.
 */
export async function guardUpdate(config: StackConfig, context: GuardContext): Promise<string[]> {
  const { stack, checkout, pins, needed, dryRun } = context;
  // The engine hands decrypted values on: only the file tells whether they were encrypted.
  if (!context.offline) refusePlainSecrets(ownDocument(stack, checkout), stack);
  refuseSharedSingletons(stack, checkout);
  const warnings = [
    ...refusePlaceholders(verifying(config), { stack, dryRun }),
    ...assertPinsResolved(pins, { environment: config.policy.environment, dryRun, needed }),
  ];
  await requireApprovedPolicies(config, context);
  return warnings;
}

/** Read strictly: a file that only the engine can read would claim nothing and hold no plain secret. */
function ownDocument(stack: string, checkout: string): Record<string, unknown> {
  return yamlKeys(readFileSync(stackFilePath(stack, checkout), "utf8"), stack);
}

/**
 * Without its policy where that verifies nothing yet: GitHub gives the ids that it needs when the platform has made the
 * repository.
 */
function verifying(config: StackConfig): Partial<StackConfig> {
  if (!verifiesNothing(config)) return config;
  const { policy: _awaitsTheFirstRelease, ...rest } = config;
  return rest;
}
