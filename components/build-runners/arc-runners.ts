import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { Pins } from "../../src/core/pins/pins.ts";
import { requireProviders } from "../../src/core/require-providers.ts";
import {
  appSecretArgs,
  appSecretName,
  arcState,
  assertSecretOutputs,
  limitRangeArgs,
  namespaceArgs,
  quotaArgs,
  runnerAccountArgs,
  runnerLevel,
} from "./arc-args.ts";
import { controllerPolicies, runnerPolicies } from "./arc-network.ts";
import type { NamedPolicy } from "./arc-network.ts";
import type { ArcSettings } from "./arc-settings.ts";
import { chartSource, controllerValues, scaleSetValues } from "./arc-values.ts";
import { assertArcPins, buildRunnersPins } from "./args.ts";
import type { RunnersApp } from "./args.ts";

export interface ArcRunnersArgs {
  readonly settings: ArcSettings;
  /** The cluster's name in the stack's configuration. */
  readonly cluster: string;
  /** The organisation that owns the runner group. */
  readonly owner: pulumi.Input<string>;
  /** The runner group's name: who may use the runners is decided there. */
  readonly group: pulumi.Input<string>;
  readonly app: RunnersApp;
  readonly pins: Pins;
}

/** Options of the part, with the cluster's provider spelt out. */
export type ArcRunnersOptions = pulumi.ComponentResourceOptions & { provider: kubernetes.Provider };

/** Long enough for an image to be pulled onto a node that was just made. */
const releaseSeconds = 600;

/** Runners as pods of one cluster: ARC's controller and scale sets, fenced in. For checks only (see the README). */
export class ArcRunners extends pulumi.ComponentResource {
  /** What workflows name in `runs-on`. */
  readonly scaleSets: pulumi.Output<string[]>;
  /** The version of the charts and of the controller. */
  readonly version: pulumi.Output<string>;

  constructor(name: string, args: ArcRunnersArgs, opts: ArcRunnersOptions) {
    requireProviders("ArcRunners", opts, ["kubernetes"]);
    const { settings, pins } = args;
    assertArcPins(pins);
    assertSecretOutputs(args.app);
    super("neko-trust:runners:ArcRunners", name, arcState(settings, args.cluster, pins), opts);
    const system = new kubernetes.core.v1.Namespace(
      `${name}-controller-namespace`,
      namespaceArgs(settings.namespaces.controller, "restricted"),
      { parent: this },
    );
    const jobs = new kubernetes.core.v1.Namespace(
      `${name}-runners-namespace`,
      namespaceArgs(settings.namespaces.runners, runnerLevel(settings)),
      { parent: this },
    );
    const policies = (place: string, list: readonly NamedPolicy[], namespace: pulumi.Resource) =>
      list.map(
        ({ suffix, args: policy }) =>
          new kubernetes.networking.v1.NetworkPolicy(`${name}-${place}-${suffix}`, policy, {
            parent: this,
            dependsOn: [namespace],
          }),
      );
    const inJobs = { parent: this, dependsOn: [jobs] };
    // Made before anything runs, and taken away after everything has gone.
    const fences = [
      ...policies("controller", controllerPolicies(settings), system),
      ...policies("runners", runnerPolicies(settings), jobs),
      new kubernetes.core.v1.ServiceAccount(`${name}-runners-account`, runnerAccountArgs(settings), inJobs),
      new kubernetes.core.v1.ResourceQuota(`${name}-runners-quota`, quotaArgs(settings), inJobs),
      new kubernetes.core.v1.LimitRange(`${name}-runners-limits`, limitRangeArgs(settings), inJobs),
    ];
    const secret = new kubernetes.core.v1.Secret(`${name}-github-app`, appSecretArgs(settings, args.app), inJobs);
    const release = { atomic: true, cleanupOnFail: true, maxHistory: 5, timeout: releaseSeconds };
    const [controllerChart, scaleSetChart] = buildRunnersPins.charts;
    const controller = new kubernetes.helm.v3.Release(
      `${name}-controller`,
      {
        ...release,
        ...chartSource(pins, controllerChart),
        name: "arc-controller",
        namespace: settings.namespaces.controller,
        values: controllerValues(settings, pins),
      },
      { parent: this, dependsOn: [system, jobs, ...fences] },
    );
    const url = pulumi.interpolate`https://github.com/${args.owner}`;
    const place = { url, group: args.group, secret: appSecretName(settings) };
    const sets = settings.scaleSets.map(
      (set) =>
        new kubernetes.helm.v3.Release(
          `${name}-set-${set.name}`,
          {
            ...release,
            ...chartSource(pins, scaleSetChart),
            name: set.name,
            namespace: settings.namespaces.runners,
            values: scaleSetValues(settings, set, place, pins),
          },
          // Before the controller goes: it alone clears the finalizers of a scale set's objects.
          { parent: this, dependsOn: [controller, secret, ...fences] },
        ),
    );
    this.scaleSets = pulumi.all(sets.map((set) => set.name)).apply((names) => names.map(String));
    this.version = controller.version;
    this.registerOutputs({ scaleSets: this.scaleSets, version: this.version });
  }
}
