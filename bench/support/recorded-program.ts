import * as pulumi from "@pulumi/pulumi";
import { nameOfUrn } from "../../src/engine/progress.ts";
import type { Program } from "../../src/engine/program.ts";

/** A resource as a program registered it with the engine: what went over the wire, every input resolved. */
export interface RecordedResource {
  /** As `provider` and `dependencies` name it. */
  readonly key: string;
  readonly type: string;
  readonly name: string;
  /** Values that only an update knows are marked unknown, secrets as secrets. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly version: string | undefined;
  readonly provider: string | undefined;
  readonly dependencies: readonly string[];
}

/**
 * The program, which also writes down what it registers, in the order in which the engine hears of it. Components are
 * left out: what groups resources asks no provider for anything. Slower than the program itself: not to be measured.
 */
export function recording(program: Program, into: RecordedResource[]): Program {
  return () => {
    pulumi.runtime.registerResourceTransform(async ({ custom, type, name, props, opts }) => {
      if (!custom) return undefined;
      const { provider, dependsOn, version } = opts;
      const record: RecordedResource = {
        key: keyOf(type, name),
        type,
        name,
        inputs: props,
        version,
        provider: provider === undefined ? undefined : await keyOfResource(provider),
        dependencies: await Promise.all((dependsOn as pulumi.Resource[]).map(keyOfResource)),
      };
      into.push(record);
      return undefined;
    });
    return program();
  };
}

/**
 * What the least program would be that provisions the same: it has everything computed beforehand, and registers plain
 * resources with the recorded inputs, providers and dependencies, in the recorded order.
 */
export function bareProgramOf(resources: readonly RecordedResource[]): Program {
  return () => {
    const made = new Map<string, Plain>();
    const providers = new Map<string, PlainProvider>();
    for (const { key, type, name, inputs, version, provider, dependencies } of resources) {
      const options = {
        dependsOn: dependencies.map((one) => there(one, providers.get(one) ?? made.get(one))),
        ...(version === undefined ? {} : { version }),
      };
      if (type.startsWith(providerPrefix)) {
        providers.set(key, new PlainProvider(type.slice(providerPrefix.length), name, inputs, options));
        continue;
      }
      const through = provider === undefined ? {} : { provider: there(provider, providers.get(provider)) };
      made.set(key, new Plain(type, name, inputs, { ...options, ...through }));
    }
    return Promise.resolve({});
  };
}

// The SDK's own are abstract, and add nothing here.
class Plain extends pulumi.CustomResource {}
class PlainProvider extends pulumi.ProviderResource {}

function there<T>(key: string, resource: T | undefined): T {
  if (resource === undefined) throw new Error(`${key} is needed before it is registered`);
  return resource;
}

const providerPrefix = "pulumi:providers:";

/** A URN without its parents, which are components of the program that was recorded. */
function keyOf(type: string, name: string): string {
  return `${type}::${name}`;
}

async function keyOfResource({ urn }: pulumi.Resource): Promise<string> {
  const text = await new Promise<string>((resolve) => urn.apply(resolve));
  const type = text.split("::")[2]?.split("$").at(-1) ?? "";
  return keyOf(type, nameOfUrn(text));
}
