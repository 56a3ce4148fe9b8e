import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";

/** One registration, as the component asked for it. */
export interface RecordedResource {
  readonly type: string;
  readonly name: string;
  /** Inputs after serialisation: a secret is wrapped, see `secretIn`; an unknown is absent. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly custom: boolean;
  /** The parent's URN, as the mock monitor makes it. */
  readonly parent: string;
  /** `urn::id` of the provider; "" when none was given, which would be the default provider. */
  readonly provider: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly importId: string;
  readonly dependencies: readonly string[];
}

export interface MocksOptions {
  readonly preview?: boolean;
  /** Outputs that the provider would add to the inputs; in a preview, outputs that are missing are unknown. */
  readonly outputs?: (type: string, name: string) => Readonly<Record<string, unknown>>;
  /** Answers of provider functions; one that is undefined, or without this, was not expected and throws. */
  readonly call?: (token: string, inputs: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined;
}

export interface Mocks {
  /** Everything registered so far, in order. Await `settled` first. */
  readonly resources: readonly RecordedResource[];
  /** Waits until every registration has been answered. */
  readonly settled: () => Promise<void>;
  /** Outputs of components, by type::name, as registerOutputs gave them; one that never called it is absent. */
  readonly registeredOutputs: ReadonlyMap<string, unknown>;
  readonly only: (type: string) => RecordedResource;
  readonly named: (name: string) => RecordedResource;
}

/** Replaces the engine: records every registration, and throws on any function call that `call` does not answer. */
export async function startMocks(options: MocksOptions = {}): Promise<Mocks> {
  const resources: RecordedResource[] = [];
  const registeredOutputs = new Map<string, unknown>();
  const inputsOf = new Map<string, Readonly<Record<string, unknown>>>();
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => {
        const answer = options.call?.(token, inputs as Readonly<Record<string, unknown>>);
        if (answer === undefined) throw new Error(`unexpected call of ${token}: the test answers no such function`);
        return answer;
      },
      newResource: ({ type, name, inputs }) => {
        const given = inputs as Readonly<Record<string, unknown>>;
        inputsOf.set(`${type}::${name}`, given);
        const state = options.preview === true ? {} : { ...given, ...options.outputs?.(type, name) };
        return { id: options.preview === true ? undefined : `${name}-id`, state };
      },
    },
    "neko-trust",
    "test",
    options.preview ?? false,
  );
  const monitor = mockMonitor();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = async (request: RegisterResourceRequest, callback) => {
    await register(request, callback);
    resources.push({
      type: request.getType(),
      name: request.getName(),
      inputs: inputsOf.get(`${request.getType()}::${request.getName()}`) ?? {},
      custom: request.getCustom(),
      parent: request.getParent(),
      provider: request.getProvider(),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      importId: request.getImportid(),
      dependencies: request.getDependenciesList(),
    });
  };
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (request: OutputsRequest, callback) => {
    const [name, type] = request.getUrn().split("::").toReversed();
    registeredOutputs.set(`${type ?? ""}::${name ?? ""}`, request.getOutputs()?.toJavaScript());
    registerOutputs(request, callback);
  };
  const find = (what: string, test: (resource: RecordedResource) => boolean): RecordedResource => {
    const found = resources.filter(test);
    const [resource] = found;
    if (resource === undefined || found.length > 1) throw new Error(`${found.length} resources ${what}`);
    return resource;
  };
  return {
    resources,
    registeredOutputs,
    settled,
    only: (type) => find(`of type ${type}`, (resource) => resource.type === type),
    named: (name) => find(`named ${name}`, (resource) => resource.name === name),
  };
}

async function settled(): Promise<void> {
  // Not in the public types: @pulumi/pulumi/runtime/settings.ts, waitForRPCs.
  const wait: unknown = Reflect.get(pulumi.runtime, "waitForRPCs");
  if (typeof wait !== "function") throw new Error("the SDK has no waitForRPCs");
  await Reflect.apply(wait, undefined, []);
}

interface OutputsRequest {
  getUrn(): string;
  getOutputs(): { toJavaScript(): unknown } | undefined;
}

function mockMonitor(): MockMonitor {
  const monitor: unknown = pulumi.runtime.getMonitor();
  if (monitor instanceof MockMonitor) return monitor;
  throw new Error("the mocks are not in place");
}

/** The value of an output, once it is known; rejects for an unknown one. */
export async function unwrap<T>(output: pulumi.Output<T>): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  output.apply((value) => {
    resolve(value);
  });
  const known = await isKnown(output);
  if (!known) throw new Error("the output is unknown");
  return promise;
}

/** Whether an output has a value: false for what only an update will tell. */
export async function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
  // Not in the public types: @pulumi/pulumi/output.ts, OutputImplementation.isKnown.
  const known: unknown = Reflect.get(output, "isKnown");
  if (!(known instanceof Promise)) throw new Error("not an output");
  return (await known) === true;
}

// sdk/nodejs/runtime/rpc.ts: the signature key and its value for a secret.
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** The plain text inside a recorded input that arrived as a secret; undefined when it arrived in the clear. */
export function secretIn(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Reflect.get(value, signatureKey) === secretSignature ? Reflect.get(value, "value") : undefined;
}
