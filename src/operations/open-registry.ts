import { createRegistryClient } from "../adapters/registry/client.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { dockerCredentials } from "../adapters/registry/docker-credentials.ts";

export type { RegistryClient };

/** A registry client with the credentials that docker would use in this environment. */
export function openRegistry(environment: Readonly<Record<string, string | undefined>>): RegistryClient {
  return createRegistryClient({ credentials: dockerCredentials(environment) });
}
