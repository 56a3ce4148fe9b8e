import type * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { requireProviders } from "../../src/core/require-providers.ts";
import { assertSecretOutputs } from "./arc-args.ts";
import { ArcRunners } from "./arc-runners.ts";
import type { ArcRunnersArgs } from "./arc-runners.ts";
import { assertArcPins, runnerGroupArgs, toState } from "./args.ts";
import type { RunnersApp, RunnersRepository } from "./args.ts";
import { GceRunners } from "./gce-runners.ts";
import type { BuildRunnersSettings } from "./settings.ts";
import { assertRunnerMatches, selectedWorkflows } from "./workflows.ts";

export interface BuildRunnersArgs {
  /** The stack's settings, parsed by `buildRunnersSettingsSchema`. */
  readonly settings: BuildRunnersSettings;
  /** The policy whose signers' workflows may use the runners. */
  readonly policy: TrustPolicy;
  readonly repository: RunnersRepository;
  /** Name of the cluster that `arc` goes into; needed by that part. */
  readonly cluster?: string | undefined;
  /** The App that ARC registers runners with, as secret outputs; needed by `arc`. */
  readonly app?: RunnersApp | undefined;
  /** E-mail of the service account that may start machines of `gce`. */
  readonly starter?: pulumi.Input<string> | undefined;
  readonly pins: Pins;
}

/** Options of the component, with a provider for GitHub, and one for each part that is on. */
export type BuildRunnersOptions = pulumi.ComponentResourceOptions & {
  providers: {
    readonly github: github.Provider;
    readonly kubernetes?: kubernetes.Provider;
    readonly gcp?: gcp.Provider;
  };
};

/**
 * Self-hosted runners that only the release workflow can use: the runner group, pods for checks (`arc`) and machines for
 * builds (`gce`).
 */
export class BuildRunners extends pulumi.ComponentResource {
  readonly group: pulumi.Output<string>;
  /** For the `runner_group_id` of generate-jitconfig. */
  readonly groupId: pulumi.Output<string>;
  /** `owner/name/path@ref` of each workflow that may use the group. */
  readonly workflows: pulumi.Output<string[]>;
  readonly arc: ArcRunners | undefined;
  readonly gce: GceRunners | undefined;

  constructor(name: string, args: BuildRunnersArgs, opts: BuildRunnersOptions) {
    const { settings, policy, repository } = args;
    const parts = [
      ...(settings.arc === undefined ? [] : ["kubernetes"]),
      ...(settings.gce === undefined ? [] : ["gcp"]),
    ];
    requireProviders("BuildRunners", { providers: providersOf(opts) }, ["github", ...parts]);
    // Before anything is registered: a group without its runners would be half a plan.
    const arcArgs = arcArgsOf(args);
    const workflows = selectedWorkflows(policy, settings);
    assertRunnerMatches(policy, settings);
    super("neko-trust:runners:BuildRunners", name, toState(settings, workflows), opts);
    const { providers } = opts;
    const group = new github.ActionsRunnerGroup(`${name}-group`, runnerGroupArgs(settings, repository.id, workflows), {
      parent: this,
    });
    const owner = pulumi.output(repository.fullName).apply((fullName) => fullName.split("/")[0] ?? "");
    if (arcArgs !== undefined && providers.kubernetes !== undefined) {
      this.arc = new ArcRunners(
        `${name}-arc`,
        { ...arcArgs, owner, group: group.name },
        { parent: this, provider: providers.kubernetes },
      );
    }
    if (settings.gce !== undefined && providers.gcp !== undefined) {
      this.gce = new GceRunners(
        `${name}-gce`,
        { settings: settings.gce, starter: args.starter },
        { parent: this, provider: providers.gcp },
      );
    }
    this.group = group.name;
    this.groupId = group.id;
    this.workflows = pulumi.output(workflows);
    this.registerOutputs({
      group: this.group,
      groupId: this.groupId,
      workflows: this.workflows,
      ...(this.arc === undefined ? {} : { scaleSets: this.arc.scaleSets, arcVersion: this.arc.version }),
      ...(this.gce === undefined ? {} : { template: this.gce.template, account: this.gce.account }),
    });
  }
}

function providersOf(opts: Partial<BuildRunnersOptions> | undefined): unknown {
  return opts?.providers;
}

/** What `arc` needs besides the group; undefined where that part is off. Throws RUNNERS_ARGUMENT_NEEDED, PIN_MISMATCH. */
function arcArgsOf({
  settings: { arc },
  cluster,
  app,
  pins,
}: BuildRunnersArgs): Omit<ArcRunnersArgs, "owner" | "group"> | undefined {
  if (arc === undefined) return undefined;
  if (cluster === undefined) throw needed("cluster");
  if (app === undefined) throw needed("app");
  assertArcPins(pins);
  assertSecretOutputs(app);
  return { settings: arc, cluster, app, pins };
}

function needed(what: "cluster" | "app"): Failure {
  return new Failure({
    code: "RUNNERS_ARGUMENT_NEEDED",
    kind: "usage",
    message: `BuildRunners has settings.arc, but was given no ${what}.`,
    remedy: `Pass args.${what}, or take arc out of buildRunners.`,
  });
}
