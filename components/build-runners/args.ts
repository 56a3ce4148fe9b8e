import type * as github from "@pulumi/github";
import type * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import { chartPin, imagePin } from "../../src/core/pins/pins.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import type { BuildRunnersSettings } from "./settings.ts";

/** Settings → the runner group's arguments, the state that is kept, and the pins that are needed. Pure. */

/** What the component takes from pins.yaml, for its `arc` part. */
export const buildRunnersPins = {
  charts: ["arc-controller", "arc-scale-set"],
  images: ["arc-controller", "actions-runner"],
} as const;

/** Input: the repository, as GhcrRepository gives it, or as it is known. */
export interface RunnersRepository {
  /** GitHub's numeric id. */
  readonly id: pulumi.Input<number>;
  /** owner/name. */
  readonly fullName: pulumi.Input<string>;
}

/** The App that ARC registers runners with. Secrets, as Outputs: they must not pass through a component's state. */
export interface RunnersApp {
  readonly id: pulumi.Output<string>;
  readonly installationId: pulumi.Output<string>;
  /** PEM. */
  readonly privateKey: pulumi.Output<string>;
}

/**
 * Controller, listeners and scale sets are one program in four artifacts: of different versions, the controller ignores
 * the scale set (actions-runner-controller issue 4227). Throws PIN_MISMATCH, PIN_MISSING (usage).
 */
export function assertArcPins(pins: Pins): void {
  const [controllerChart, scaleSetChart] = buildRunnersPins.charts;
  const [controllerImage] = buildRunnersPins.images;
  const found = [
    { what: `chart ${controllerChart}`, version: chartPin(pins, controllerChart).version },
    { what: `chart ${scaleSetChart}`, version: chartPin(pins, scaleSetChart).version },
    { what: `image ${controllerImage}`, version: imagePin(pins, controllerImage).version },
  ];
  if (new Set(found.map(({ version }) => version)).size === 1) return;
  throw new Failure({
    code: "PIN_MISMATCH",
    kind: "usage",
    message: `pins.yaml has different versions of one ARC: ${found.map(({ what, version }) => `${what} ${version}`).join(", ")}.`,
    remedy: "Give all three the same version, then run: neko-trust pin",
  });
}

/** A group that only the listed workflows of this one repository can use. */
export function runnerGroupArgs(
  settings: BuildRunnersSettings,
  repository: pulumi.Input<number>,
  workflows: readonly string[],
): github.ActionsRunnerGroupArgs {
  const { group } = settings;
  return {
    name: group.name,
    visibility: "selected",
    selectedRepositoryIds: [repository],
    restrictedToWorkflows: true,
    selectedWorkflows: [...workflows],
    allowsPublicRepositories: group.publicRepositories !== "refuse",
  };
}

/** What is kept in the component's state and diffed: settings only, nothing secret. */
export function toState(settings: BuildRunnersSettings, workflows: readonly string[]): Record<string, unknown> {
  const { group, arc, gce } = settings;
  return {
    group: group.name,
    workflows,
    publicRepositories: group.publicRepositories === "refuse" ? "refused" : group.publicRepositories.reason,
    arc: arc === undefined ? "off" : arc.scaleSets.map((set) => `${set.name}: ${set.minRunners} to ${set.maxRunners}`),
    gce: gce === undefined ? "off" : `${gce.machineType} from ${gce.image.name}, at most ${gce.maxRunTime}`,
  };
}
