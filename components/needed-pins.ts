import type { NeededPins } from "../src/core/pins/assert-pins-resolved.ts";
import { buildRunnersPins } from "./build-runners/args.ts";
import type { BuildRunnersSettings } from "./build-runners/settings.ts";
import { keyBrokerPins } from "./key-broker/args.ts";
import type { KeyBrokerSettings } from "./key-broker/settings.ts";

/** What a stack's components run of others: the names of their entries in pins.yaml. */
export function neededPins(settings: {
  readonly keyBroker?: KeyBrokerSettings | undefined;
  readonly buildRunners?: BuildRunnersSettings | undefined;
}): NeededPins {
  const { keyBroker, buildRunners } = settings;
  const arc = buildRunners?.arc === undefined ? undefined : buildRunnersPins;
  const trustee =
    keyBroker === undefined ? [] : keyBroker.trustee.kind === "split" ? keyBrokerPins.split : keyBrokerPins.builtIn;
  return { images: [...trustee, ...(arc?.images ?? [])], charts: arc?.charts ?? [] };
}
