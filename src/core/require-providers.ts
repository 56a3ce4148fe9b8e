import { Failure } from "./failure.ts";

/** The part of Pulumi's ComponentResourceOptions that says which providers a component was given. */
interface ProviderOptions {
  readonly provider?: unknown;
  /** By package; a list is not taken, as it does not say what is missing. */
  readonly providers?: unknown;
}

/**
 * For callers without types, too: a provider that was not spelt out would be Pulumi's default one, which takes whatever
 * credentials lie around. A single package may come as `provider`, several as `providers`, by package.
 * Throws PROVIDER_REQUIRED (usage).
 */
export function requireProviders(
  component: string,
  options: ProviderOptions | undefined,
  packages: readonly string[],
): void {
  const missing = packages.filter((name) => !hasProvider(options, name, packages.length === 1));
  if (missing.length === 0) return;
  throw new Failure({
    code: "PROVIDER_REQUIRED",
    kind: "usage",
    message: `${component} was given no provider of ${missing.join(" and ")}.`,
    remedy:
      packages.length === 1
        ? `Make a ${packages.join()}.Provider, and pass it as opts.provider.`
        : `Make a Provider of each package, and pass them as opts.providers: { ${packages.join(", ")} }.`,
  });
}

function hasProvider(options: ProviderOptions | undefined, name: string, only: boolean): boolean {
  if (only && options?.provider !== undefined) return true;
  const providers = options?.providers;
  if (typeof providers !== "object" || providers === null || Array.isArray(providers)) return false;
  return (providers as Readonly<Record<string, unknown>>)[name] !== undefined;
}
