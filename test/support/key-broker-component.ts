import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { KeyBroker } from "../../components/key-broker/component.ts";
import type { KeyBrokerArgs } from "../../components/key-broker/component.ts";
import { keyBrokerSettingsSchema } from "../../components/key-broker/settings.ts";
import { Failure } from "../../src/core/failure.ts";
import { brokerPins, brokerSettingsFields, signerPolicy, signerVerifiedRelease } from "./key-broker.ts";
import { secretIn, startMocks } from "./mocks.ts";
import type { Mocks, RecordedResource } from "./mocks.ts";

/** A KeyBroker under mocks of Pulumi, with texts for its secrets that are easy to find again. */

export const componentType = "neko-trust:broker:KeyBroker";
export const adminKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
export const now = new Date("2026-11-23T12:00:00Z");

export const settingsWith = (changes: object = {}) =>
  keyBrokerSettingsSchema.parse({ ...brokerSettingsFields, ...changes });

export const texts = {
  credential: "the credential",
  adminKey,
  tokenKey: "the token key",
  tokenChain: "the token chain",
  tokenRoot: "the token root",
  tls: { key: "the tls key", certificate: "the tls certificate", authority: "the tls authority" },
  postgresUrl: "postgres://kbs:the-password@10.9.0.2/kbs?sslmode=verify-full",
};

export const secrets = {
  credential: pulumi.secret(texts.credential),
  adminKey: pulumi.secret(texts.adminKey),
  tokenKey: pulumi.secret(texts.tokenKey),
  // Not marked by the caller: the component marks it.
  tokenChain: texts.tokenChain,
  tokenRoot: texts.tokenRoot,
  tls: { key: pulumi.secret(texts.tls.key), certificate: texts.tls.certificate, authority: texts.tls.authority },
};
export const splitSecrets = { ...secrets, postgresUrl: pulumi.secret(texts.postgresUrl) };

export function make(changes: Partial<KeyBrokerArgs> = {}): KeyBroker {
  const provider = new kubernetes.Provider("cluster", { kubeconfig: pulumi.secret("the kubeconfig") });
  const args = {
    settings: settingsWith(),
    policy: signerPolicy(),
    signer: signerVerifiedRelease(),
    secrets,
    pins: brokerPins,
    now,
    ...changes,
  };
  return new KeyBroker("broker", args, { provider });
}

export async function made(changes: Partial<KeyBrokerArgs> = {}): Promise<Mocks> {
  const mocks = await startMocks();
  make(changes);
  await mocks.settled();
  return mocks;
}

export function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error;
  }
  return assert.fail("it did not throw");
}

export const children = (mocks: Mocks): RecordedResource[] =>
  mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::broker`));

/** A value deep inside a resource's inputs. */
export function at(resource: RecordedResource, ...path: (string | number)[]): unknown {
  let value: unknown = resource.inputs;
  for (const key of path) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

/** One entry of a Secret that arrived wrapped as a secret. */
export function inSecret(resource: RecordedResource, key: string): string {
  const values = secretIn(at(resource, "stringData"));
  return typeof values === "object" && values !== null ? String(Reflect.get(values, key)) : "";
}

export const publicationOf = (mocks: Mocks): string =>
  mocks.only("kubernetes:batch/v1:Job").name.slice("broker-publication-".length);
