import type { Nix, NixConfig } from "../adapters/nix/nix.ts";
import { Failure } from "../core/failure.ts";

/**
 * A Nix whose builds can see nothing of the machine, and its settings. Without a sandbox, what a build finds on this
 * machine (its /usr, the path of its folder, the network) goes into the output: two builds here would agree, and nobody
 * elsewhere would get the same. Throws NIX_SANDBOX_OFF.
 */
export async function requireSandbox(nix: Nix): Promise<{ readonly nix: Nix; readonly config: NixConfig }> {
  const named = await withStoreNamed(nix);
  const { config } = named;
  if (config.sandbox === "on" && !config.sandboxFallback) return named;
  // The default: where the kernel has no sandbox, Nix would build without one, and not say so. A daemon heeds this from
  // its trusted users alone, so it is not set where it is so already.
  const options = [...(nix.settings.options ?? []), { name: "sandbox-fallback", value: "false" }];
  if (config.sandbox === "on") return { nix: named.nix.with({ options }), config };
  throw new Failure({
    code: "NIX_SANDBOX_OFF",
    kind: "usage",
    message:
      config.sandbox === "off"
        ? "This Nix builds without a sandbox: what the machine has can get into an output, so that two equal builds prove nothing."
        : "This Nix's sandbox is relaxed: a derivation can ask to build without it, so that two equal builds prove nothing.",
    remedy:
      "Set `sandbox = true` in nix.conf (Debian's package turns it off), or pass --option sandbox=true; it needs user namespaces.",
  });
}

/** The same Nix with its store named: which one it is, the environment or nix.conf may decide. */
export async function withStoreNamed(nix: Nix): Promise<{ readonly nix: Nix; readonly config: NixConfig }> {
  const config = await nix.config();
  return { nix: nix.with({ store: nix.settings.store ?? config.store }), config };
}
