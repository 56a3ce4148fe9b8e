import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localPassphrase } from "../../../lab/places.ts";
import { projectWithoutSecrets } from "../../../lab/project-without-secrets.ts";
import { openJournal } from "../../../lab/stand-ins/journal.ts";
import { planOnly } from "../../../lab/stand-ins/kubernetes/place.ts";
import type { StandIn } from "../../../lab/stand-ins/provider.ts";
import { serve } from "../../../lab/stand-ins/server.ts";
import { standInsWith } from "../../../lab/stand-ins/start.ts";
import { plainMap } from "../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../lab/stand-ins/wire/values.ts";
import { projectName } from "../../../src/config/read-config.ts";
import { findEngine } from "../../../src/engine/find-engine.ts";
import { openStack } from "../../../src/engine/open-stack.ts";
import { directoriesOf } from "../../../src/adapters/directories/directories.ts";
import program from "../../../index.ts";
import { checkout } from "../engine/engine-under-test.ts";

/** A resource of the Kubernetes provider with the inputs that its plan has: secrets in clear, unknowns marked. */
export interface PlannedResource {
  /** The resource's name in the program. */
  readonly name: string;
  /** The type token, for example `kubernetes:core/v1:ConfigMap`. */
  readonly type: string;
  readonly inputs: ValueMap;
}

/**
 * All resources of the Kubernetes provider in the offline plan of a stack, by the real engine. What cloud accounts
 * would compute is answered with the lab's values, so that little stays unknown; commands are not run, what they would
 * print stays unknown, and so do the ids of resources that are yet to be made.
 */
export async function planOf(stack: string, state: string): Promise<readonly PlannedResource[]> {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-plan-"));
  const environment = { ...process.env, NEKO_TRUST_STATE: state };
  const directories = directoriesOf(checkout, environment);
  const planned = new Map<string, PlannedResource>();
  // The one stack that reads the lab's state; for it the real mode, as its stand-ins refuse it none.
  const offline = stack !== "local";
  const journal = openJournal(join(folder, "journal.jsonl"));
  const scope = { stack, project: projectName, mode: "preview" } as const;
  const served = await Promise.all(
    standInsWith(planOnly()).map(async (standIn) => ({
      name: standIn.packageName,
      ...(await serve(answering(standIn, planned), scope, journal)),
    })),
  );
  try {
    const engine = await findEngine({ directories, environment, progress: console.error });
    const handle = await openStack({
      engine,
      checkout: projectWithoutSecrets(checkout, stack, join(folder, "project")),
      stack,
      program: () => program({ environment, offline }),
      folder: join(folder, "engine"),
      passphrase: localPassphrase,
      attach: served.map(({ name, port }) => `${name}:${port}`).join(","),
      environment,
    });
    await handle.preview();
    return [...planned.values()];
  } finally {
    await Promise.all(served.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The stand-in, with plans that know more, and (for Kubernetes) are written down. */
function answering(standIn: StandIn, planned: Map<string, PlannedResource>): StandIn {
  switch (standIn.packageName) {
    case "kubernetes":
      return {
        ...standIn,
        plan: (resource, inputs, old, context) => {
          planned.set(resource.urn, { name: resource.name, type: resource.type, inputs: plainMap(inputs) });
          return standIn.plan(resource, inputs, old, context);
        },
      };
    case "command":
      return standIn;
    default:
      // They reach nothing: what they would record is what the plan may know.
      return {
        ...standIn,
        plan: async (resource, inputs, _old, context) => (await standIn.create(resource, inputs, context)).outputs,
      };
  }
}
