import { Failure } from "../../src/core/failure.ts";
import { neededSecrets } from "./args.ts";
import type { CiSecretsSettings } from "./settings.ts";

/**
 * The secrets whose day has passed at `now`, one line each. A date counts to its end in UTC.
 * Throws SECRET_OVERDUE (refused) where the settings say so.
 */
export function overdueSecrets(settings: CiSecretsSettings, now: Date): string[] {
  const today = now.toISOString().slice(0, 10);
  const overdue = neededSecrets(settings)
    .filter(({ rotateBy }) => rotateBy < today)
    .map(({ key, rotateBy }) => `${key} was to be another by ${rotateBy}.`);
  if (overdue.length === 0 || settings.overdue === "warn") return overdue;
  throw new Failure({
    code: "SECRET_OVERDUE",
    kind: "refused",
    message: `${overdue.length === 1 ? "A secret is" : `${overdue.length} secrets are`} overdue.`,
    remedy:
      "Make a new value, set it at its source, and move rotateBy. Then take the old one back where it was issued.",
    details: overdue,
  });
}
