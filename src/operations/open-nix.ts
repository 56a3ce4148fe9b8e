/** Nix, for the commands that call it. */
export { createNix } from "../adapters/nix/nix.ts";
export type { Installable, Nix } from "../adapters/nix/nix.ts";
export type { NixOption } from "../adapters/nix/run-nix.ts";
