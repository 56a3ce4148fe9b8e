import { isRecord } from "../core/is-record.ts";
import { findProgram } from "../adapters/processes/find-program.ts";
import { runBounded } from "../adapters/processes/run-bounded.ts";
import { Failure } from "../core/failure.ts";
import { errorLines } from "./diagnostics.ts";
import { nameOfUrn } from "./progress.ts";

/** A resource that is not as the program and the state have it. */
export interface DriftedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** What an update would do: update, create (it is gone), delete, replace, … */
  readonly op: string;
  /** Property paths that differ; their values may be secret and are not kept. */
  readonly properties: readonly string[];
}

export interface PreviewContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly checkout: string;
  readonly signal: AbortSignal;
}

const maxOutputBytes = 256 * 1024 * 1024;

/**
 * What the official command line would change in a stack after it asked every provider how its resources are. Nothing
 * is changed, the state neither. Throws ENGINE_NOT_FOUND and PREVIEW_FAILED (unavailable).
 */
export async function previewWithRefresh(stack: string, context: PreviewContext): Promise<readonly DriftedResource[]> {
  const { environment, checkout, signal } = context;
  const program = findProgram("pulumi", environment);
  if (program === undefined) {
    throw new Failure({
      code: "ENGINE_NOT_FOUND",
      kind: "unavailable",
      message: `Stack "${stack}" is asked about with the official command line, and no pulumi is on PATH.`,
      remedy: "Install Pulumi: https://www.pulumi.com/docs/install/",
    });
  }
  const { code, stdout, lastLines, overflowed } = await runBounded({
    program,
    args: ["preview", "--refresh", "--json", "--non-interactive", "--stack", stack],
    environment: { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" },
    folder: checkout,
    maxOutputBytes,
    signal,
  });
  const document = overflowed ? undefined : parsed(stdout);
  const steps = document?.["steps"];
  if (code === 0 && document !== undefined && (steps === undefined || Array.isArray(steps)))
    return driftIn(steps ?? []);
  throw new Failure({
    code: "PREVIEW_FAILED",
    kind: "unavailable",
    message: `pulumi could not preview stack "${stack}": whether it has drifted is unknown.`,
    remedy: `See what it says with: pulumi preview --refresh --stack ${stack}`,
    details: [...diagnosticsIn(document), ...errorLines(lastLines.join("\n"))].slice(0, 20),
  });
}

/** The steps of `pulumi preview --json` (pkg/backend/display/json.go, PreviewDigest) that are not `same`. */
export function driftIn(steps: readonly unknown[]): DriftedResource[] {
  return steps.flatMap((step) => {
    if (!isRecord(step) || typeof step["urn"] !== "string" || typeof step["op"] !== "string") return [];
    const { urn, op } = step;
    // `read` only looks; `refresh` tells what was asked, and the update that follows from it is a step of its own.
    if (["same", "read", "refresh"].includes(op)) return [];
    const detailed = isRecord(step["detailedDiff"]) ? Object.keys(step["detailedDiff"]) : [];
    const reasons = Array.isArray(step["diffReasons"]) ? step["diffReasons"].map(String) : [];
    const properties = [...new Set(detailed.length > 0 ? detailed : reasons)].sort();
    return [{ urn, type: typeOfUrn(urn), name: nameOfUrn(urn), op, properties }];
  });
}

/** The last of the types in a URN. */
export function typeOfUrn(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

function parsed(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function diagnosticsIn(document: Readonly<Record<string, unknown>> | undefined): string[] {
  const list = document?.["diagnostics"];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) =>
    isRecord(entry) && entry["severity"] === "error" && typeof entry["message"] === "string"
      ? [entry["message"].trim()]
      : [],
  );
}
