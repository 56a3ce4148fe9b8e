import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { ConfidentialSigner } from "../../components/confidential-signer/component.ts";
import type { ConfidentialSignerArgs } from "../../components/confidential-signer/component.ts";
import { startMocks } from "./mocks.ts";
import type { Mocks, MocksOptions, RecordedResource } from "./mocks.ts";
import { signerArgs } from "./signer.ts";

/** The component `signer` on mocks, with a provider whose credentials are a secret. */

export const signerComponentType = "neko-trust:signer:ConfidentialSigner";
export const signerInstanceType = "gcp:compute/instance:Instance";
/** Of `signerArgs`' release, in names. */
export const signerKey = "a".repeat(12);

export function makeSigner(changes: Partial<ConfidentialSignerArgs> = {}): ConfidentialSigner {
  const credentials = pulumi.secret("hunter2");
  const provider = new gcp.Provider("google", { project: "neko-trust-production", credentials });
  return new ConfidentialSigner("signer", signerArgs(changes), { provider });
}

/** What Google would compute and the mocks don't. */
export const signerOutputs: NonNullable<MocksOptions["outputs"]> = (type, name) => ({
  selfLink: `https://compute.example/${name}`,
  ...(type === signerInstanceType ? { instanceId: name.endsWith("-a") ? "9901" : "9902" } : {}),
  ...(type === "gcp:serviceaccount/account:Account"
    ? { email: "signer-vm@example", member: "serviceAccount:signer-vm@example" }
    : {}),
});

/** Made and registered, in an update. */
export async function madeSigner(
  changes: Partial<ConfidentialSignerArgs> = {},
): Promise<{ readonly mocks: Mocks; readonly component: ConfidentialSigner }> {
  const mocks = await startMocks({ outputs: signerOutputs });
  const component = makeSigner(changes);
  await mocks.settled();
  return { mocks, component };
}

/** By name: the engine is told in no certain order. */
export function ofType(mocks: Mocks, wanted: string): RecordedResource[] {
  return mocks.resources
    .filter(({ type }) => type === wanted)
    .toSorted((one, other) => one.name.localeCompare(other.name));
}

/** The input at a path. */
export function at(resource: RecordedResource, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string | number, unknown> | undefined)?.[part],
    resource.inputs,
  );
}
