import { planOf } from "../components/key-broker/args.ts";
import { createRegistryClient } from "../src/adapters/registry/client.ts";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import { fetchResource } from "../src/adapters/kbs/fetch-resource.ts";
import { readPins } from "../src/config/read-pins.ts";
import type { StackConfig } from "../src/config/stack-config.ts";
import type { CompiledKeyBroker } from "../src/core/compile/key-broker/compile.ts";
import { Failure } from "../src/core/failure.ts";
import { kbsTrust } from "../src/core/kbs/trust.ts";
import type { KbsTrust } from "../src/core/kbs/trust.ts";
import type { UsableRelease } from "../src/core/release/verified-release.ts";
import type { Attester } from "../src/core/tdx/contract.ts";
import { replayEventLog } from "../src/core/tdx/event-log.ts";
import { verifyQuote } from "../src/core/tdx/verify-quote.ts";
import { brokerCredentials } from "../src/operations/attested-key/registry-credential.ts";
import type { LabContext } from "./context.ts";
import type { Rego } from "./kbs/rego.ts";
import { startKbs } from "./kbs/start.ts";
import { placesOf } from "./places.ts";
import { openRegistryDoor } from "./registry-door.ts";
import type { RegistryDoor } from "./registry-door.ts";
import { kbsAuthorityOf, labSecrets } from "./stack-secrets.ts";
import type { SimulatedPlatform } from "./tdx/platform.ts";

/** The lab's key broker, and the door to the registry that opens with what it releases. */
export interface LabBroker {
  /** `https://127.0.0.1:<port>/kbs` */
  readonly url: string;
  readonly trust: KbsTrust;
  /** `repository/type/tag` of the credential. */
  readonly resource: string;
  readonly door: RegistryDoor;
  readonly stop: () => Promise<void>;
}

export interface LabBrokerInput {
  /** `host:port` of the registry that is behind the door. */
  readonly registry: string;
  readonly compiled: CompiledKeyBroker;
  readonly admin: NonNullable<StackConfig["keyBroker"]>["admin"];
  readonly rego: Rego;
  /** Quotes end at its root, and its maker gives collateral. */
  readonly platform: SimulatedPlatform;
}

/** What the stack's component KeyBroker publishes for these releases of its signer. Throws as the component, and LAB_KEY_BROKER_NOT_SET. */
export function compiledForStack(
  { keyBroker, signerRelease }: Pick<StackConfig, "keyBroker" | "signerRelease">,
  signer: UsableRelease,
  checkout: string,
): Pick<LabBrokerInput, "compiled" | "admin"> {
  if (keyBroker === undefined || signerRelease === undefined) {
    throw new Failure({
      code: "LAB_KEY_BROKER_NOT_SET",
      kind: "usage",
      message: "Stack local has no keyBroker with a signerRelease, which the lab's key broker is made from.",
      remedy: "Take stacks/Pulumi.local.yaml as it is in the repository.",
    });
  }
  const { compiled } = planOf(keyBroker, signerRelease.policy, [signer], readPins(checkout), { dryRun: false });
  return { compiled, admin: keyBroker.admin };
}

/**
 * Starts the lab's key broker with the stack's own keys, policies and credential, and opens the door that this credential is for. Both
 * run in this process, until they are stopped. Throws as `startKbs`.
 */
export async function startLabBroker(
  context: Pick<LabContext, "directories">,
  input: LabBrokerInput,
): Promise<LabBroker> {
  const { registry, compiled, admin, rego, platform } = input;
  const [path] = compiled.resources;
  if (path === undefined) throw new Error("the key broker keeps no credential");
  const secrets = labSecrets(placesOf(context.directories).secrets);
  const credential = secrets["brokerCredential"] ?? "";
  const authority = kbsAuthorityOf(secrets);
  const door = await openRegistryDoor(registry, credential);
  try {
    const replay = (eventLog: Uint8Array) => {
      const replayed = replayEventLog(eventLog);
      return replayed.ok ? replayed.log : undefined;
    };
    const verification = { verifyQuote, trust: platform.trust, collateral: platform, replay };
    const kbs = await startKbs({ authority, compiled, admin, credential, verification, rego, port: 0 });
    const roots = { tlsAuthority: authority.tlsAuthority, tokenAuthority: authority.tokenRoot };
    return {
      url: kbs.url,
      trust: kbsTrust(roots, "local"),
      resource: path,
      door,
      stop: async () => {
        await kbs.stop();
        await door.stop();
      },
    };
  } catch (error) {
    await door.stop();
    throw error;
  }
}

/** A signer's way to the registry: through the door, with what the broker releases to this attester, as the service has it. */
export function brokeredClient(
  { now, signal }: Pick<LabContext, "now" | "signal">,
  { url, trust, resource, door }: LabBroker,
  registry: string,
  attester: Attester,
): { readonly client: RegistryClient; readonly credential: () => Promise<unknown> } {
  const fetch = async (): Promise<Uint8Array> =>
    (await fetchResource({ url, trust, resource, attester, now, signal })).bytes;
  const credentials = brokerCredentials(registry, fetch, () => now().getTime());
  return {
    client: createRegistryClient({ credentials, signal, fetch: door.fetch }),
    credential: () => credentials(registry),
  };
}
