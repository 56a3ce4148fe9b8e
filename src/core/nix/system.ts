/** Nix's names of systems and the OCI platforms that they build for. */
const systems: ReadonlyMap<string, string> = new Map([
  ["linux/amd64", "x86_64-linux"],
  ["linux/arm64", "aarch64-linux"],
]);

/** `x86_64-linux` of `linux/amd64`; a variant (`linux/arm64/v8`) makes no difference to Nix. Undefined for others. */
export function systemOfPlatform(platform: string): string | undefined {
  return systems.get(platform.split("/").slice(0, 2).join("/"));
}
