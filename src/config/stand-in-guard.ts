import { Failure } from "../core/failure.ts";

export interface StandInContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly offline: boolean;
  readonly dryRun: boolean;
}

/**
 * Stand-in providers serve stack `local`, and the offline preview of another stack. Anywhere else
 * PULUMI_DEBUG_PROVIDERS would make an update believe that it had provisioned what exists nowhere.
 */
export function refuseForeignStandIns(stack: string, context: StandInContext): void {
  if (context.offline && !context.dryRun) {
    throw new Failure({
      code: "OFFLINE_ONLY_PREVIEWS",
      kind: "usage",
      message: `Stack "${stack}" can't be changed offline: its releases were not verified.`,
      remedy: "Unset NEKO_TRUST_OFFLINE, or run a preview.",
    });
  }
  const attached = context.environment["PULUMI_DEBUG_PROVIDERS"];
  if (attached === undefined || attached === "" || stack === "local" || (context.offline && context.dryRun)) return;
  throw new Failure({
    code: "STAND_INS_OTHER_STACK",
    kind: "usage",
    message: `PULUMI_DEBUG_PROVIDERS is set, but stack "${stack}" must not be provisioned by stand-ins.`,
    remedy: "Unset PULUMI_DEBUG_PROVIDERS in this shell; only stack local is attached to the lab.",
  });
}
