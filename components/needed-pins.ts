import type { NeededPins } from "../src/core/pins/assert-pins-resolved.ts";
import { buildRunnersPins } from "./build-runners/args.ts";
import { enginePins } from "./admission-policies/charts.ts";
import { engineNames } from "./admission-policies/settings.ts";
import type { AdmissionPoliciesSettings } from "./admission-policies/settings.ts";
import type { BuildRunnersSettings } from "./build-runners/settings.ts";
import { keyBrokerPins } from "./key-broker/args.ts";
import type { KeyBrokerSettings } from "./key-broker/settings.ts";

/** What a stack's components run of others: the names of their entries in pins.yaml. */
export function neededPins(settings: {
  readonly keyBroker?: KeyBrokerSettings | undefined;
  readonly buildRunners?: BuildRunnersSettings | undefined;
  readonly admissionPolicies?: AdmissionPoliciesSettings | undefined;
}): NeededPins {
  const { keyBroker, buildRunners } = settings;
  const engines = installedEngines(settings.admissionPolicies);
  const arc = buildRunners?.arc === undefined ? undefined : buildRunnersPins;
  const trustee =
    keyBroker === undefined ? [] : keyBroker.trustee.kind === "split" ? keyBrokerPins.split : keyBrokerPins.builtIn;
  return {
    images: [...trustee, ...(arc?.images ?? []), ...engines.flatMap((engine) => enginePins[engine].images)],
    charts: [...(arc?.charts ?? []), ...engines.flatMap((engine) => enginePins[engine].charts)],
  };
}

/** Engines that the program installs in some cluster: those that are there already were somebody else's choice. */
function installedEngines(settings: AdmissionPoliciesSettings | undefined): readonly (typeof engineNames)[number][] {
  const everywhere = [settings, ...Object.values(settings?.perCluster ?? {})].map((one) => one?.engines);
  return engineNames.filter((name) => everywhere.some((engines) => engines?.[name]?.install === true));
}
