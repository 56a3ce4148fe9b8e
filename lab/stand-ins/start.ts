import { Failure } from "../../src/core/failure.ts";
import { commandStandIn } from "./command/command.ts";
import { gcpStandIn } from "./gcp/gcp.ts";
import { githubStandIn } from "./github/github.ts";
import type { Scope } from "./guard.ts";
import { openJournal } from "./journal.ts";
import type { JournalEntry, Refusal } from "./journal.ts";
import { apiServer, connectLoopback } from "./kubernetes/api-server.ts";
import { kubernetesStandIn } from "./kubernetes/kubernetes.ts";
import { planOnly } from "./kubernetes/place.ts";
import type { Place } from "./kubernetes/place.ts";
import { renderedFiles } from "./kubernetes/rendered.ts";
import type { StandIn } from "./provider.ts";
import { serve } from "./server.ts";

export interface StandInOptions extends Scope {
  readonly journalFile: string;
  /** Where Kubernetes objects go; in mode `preview` they go nowhere, whatever this says. */
  readonly kubernetes: KubernetesTarget;
}

export type KubernetesTarget =
  { readonly kind: "api-server"; readonly kubeconfig: string } | { readonly kind: "files"; readonly directory: string };

export interface StandIns {
  /** The value of PULUMI_DEBUG_PROVIDERS for the engine: `kubernetes:PORT,command:PORT,…`. */
  readonly debugProviders: string;
  /** All entries of all runs, oldest first. */
  journal(): JournalEntry[];
  /** All calls that were refused, in all runs. */
  refusals(): Refusal[];
  stop(): Promise<void>;
}

/** The one stack that stand-ins may act for. */
const localStack = "local";

/**
 * Starts the stand-ins for kubernetes, command, github and gcp in this process, one loopback port each.
 *
 * @throws Failure STAND_INS_OTHER_STACK (usage) for mode `local` on another stack than `local`;
 *   STAND_INS_NOT_LOOPBACK, KUBECONFIG_MISSING, KUBECONFIG_INVALID, JOURNAL_INVALID (usage); JOURNAL_UNWRITABLE (unavailable)
 */
export async function startStandIns(options: StandInOptions): Promise<StandIns> {
  const { stack, project, mode } = options;
  if (mode !== "preview" && stack !== localStack) throw otherStack(stack);
  const journal = openJournal(options.journalFile);
  const place = mode === "preview" ? planOnly() : await placeOf(options.kubernetes);
  const served = await Promise.all(
    standInsWith(place).map(async (standIn) => ({
      name: standIn.packageName,
      ...(await serve(standIn, { stack, project, mode }, journal)),
    })),
  );
  return {
    debugProviders: served.map(({ name, port }) => `${name}:${port}`).join(","),
    journal: () => journal.entries(),
    refusals: () => journal.refusals(),
    async stop() {
      await Promise.all(served.map((one) => one.stop()));
    },
  };
}

/** One stand-in for each package that the program uses; Kubernetes objects go to `place`. */
export function standInsWith(place: Place): StandIn[] {
  return [kubernetesStandIn(place), commandStandIn(), githubStandIn(), gcpStandIn()];
}

async function placeOf(target: KubernetesTarget): Promise<Place> {
  return target.kind === "files"
    ? renderedFiles(target.directory)
    : apiServer(await connectLoopback(target.kubeconfig));
}

function otherStack(stack: string): Failure {
  return new Failure({
    code: "STAND_INS_OTHER_STACK",
    kind: "usage",
    message: `The stand-ins don't act for the stack ${stack}: what it provisions is real.`,
    remedy: `Use them for the stack ${localStack}, or for an offline preview of ${stack}.`,
  });
}
