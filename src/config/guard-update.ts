import { assertPinsResolved } from "../core/pins/assert-pins-resolved.ts";
import type { NeededPins } from "../core/pins/assert-pins-resolved.ts";
import type { Pins } from "../core/pins/pins.ts";
import { requireApprovedPolicies } from "./approved-policies.ts";
import type { ApprovalContext } from "./approved-policies.ts";
import { refusePlaceholders } from "./placeholders.ts";
import { refusePlainSecrets } from "./read-config.ts";
import { refuseSharedSingletons, stackDocuments } from "./singletons.ts";
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
 * Throws SINGLETON_CLAIMED_TWICE, PLACEHOLDERS_LEFT, PIN_UNRESOLVED, POLICY_NOT_APPROVED, POLICY_APPROVAL_MISSING.
 */
export async function guardUpdate(config: StackConfig, context: GuardContext): Promise<string[]> {
  const { stack, checkout, pins, needed, dryRun } = context;
  // The engine hands decrypted values on: only the file tells whether they were encrypted.
  if (!context.offline) refusePlainSecrets(stackDocuments(checkout).get(stack) ?? {}, stack);
  refuseSharedSingletons(stack, checkout);
  const warnings = [
    ...refusePlaceholders(verifying(config), { stack, dryRun }),
    ...assertPinsResolved(pins, { environment: config.policy.environment, dryRun, needed }),
  ];
  await requireApprovedPolicies(config, context);
  return warnings;
}

/**
 * Without its policy where that verifies nothing yet: GitHub gives the ids that it needs when the platform has made the
 * repository.
 */
function verifying(config: StackConfig): Partial<StackConfig> {
  if (config.releases.length > 0 || config.signerRelease !== undefined) return config;
  const { policy: _awaitsTheFirstRelease, ...rest } = config;
  return rest;
}
