import * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { CiSecrets } from "../../components/ci-secrets/component.ts";
import type { CiSecretsArgs, CiSecretsOptions } from "../../components/ci-secrets/component.ts";
import { ciSecretsSettings, sealingSeedText, secretTexts } from "./ci-secrets.ts";
import type { Mocks, MocksOptions } from "./mocks.ts";
import { samplePolicy } from "./policies.ts";

/** The component as its tests make it, named `ci`, and what its providers answer. */
export const publicKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=";
export const componentType = "neko-trust:github:CiSecrets";
export const now = new Date("2026-11-27T12:00:00Z");

export const answering: MocksOptions = {
  call: (token) => (token.endsWith(":getActionsEnvironmentPublicKey") ? { key: publicKey, keyId: "k1" } : undefined),
  outputs: (type, name) => {
    if (type.endsWith(":WorkloadIdentityPool")) return { name: "projects/1/locations/global/workloadIdentityPools/ci" };
    if (type.endsWith(":WorkloadIdentityPoolProvider")) return { name: `full name of ${name}` };
    if (!type.endsWith(":Account")) return {};
    return { name: `account of ${name}`, email: `${name}@neko-ci`, member: `serviceAccount:${name}@neko-ci` };
  },
};

export const secretsOf = (texts: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, pulumi.secret(text)]));

export function providers(): CiSecretsOptions {
  const token = pulumi.secret("plaintext of the provider's token");
  return {
    providers: {
      github: new github.Provider("github", { owner: "m1k1o", token }),
      gcp: new gcp.Provider("gcp", { project: "neko-ci" }),
    },
  };
}

export function make(changes: object = {}, args: Partial<CiSecretsArgs> = {}): CiSecrets {
  const given = {
    ...{ settings: ciSecretsSettings(changes), policy: samplePolicy(), secrets: secretsOf(secretTexts), now },
    sealingSeed: pulumi.secret(sealingSeedText),
  };
  return new CiSecrets("ci", { ...given, ...args }, providers());
}

export const childrenOf = (mocks: Mocks) =>
  mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::ci`));
