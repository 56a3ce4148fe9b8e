import { join } from "node:path";
import type { Directories } from "../src/adapters/directories/directories.ts";
import { signingConfigNames } from "./sigstore/signing-config-file.ts";

/** Where the parts of the lab keep what they have: all of it in the state folder, which `make down` removes. */
export function placesOf(directories: Directories) {
  const { state } = directories;
  return {
    /** Ports of the lab's services, so that a restart keeps addresses. */
    ports: join(state, "ports.json"),
    registry: join(state, "registry"),
    referrersRegistry: join(state, "registry-with-referrers"),
    sigstore: join(state, "sigstore"),
    /** What signing commands take as --signing-config. */
    signingConfig: join(state, "sigstore", signingConfigNames.rekorV1),
    /** The sample release as an OCI layout, its signatures with it: what a registry that forgot is filled from. */
    releases: join(state, "releases"),
    /** What stands for the signer's disk image. */
    signerDisk: join(state, "signer-disk.tar.gz"),
    /** A policy that demands the attested signature, and the root certificate of the simulated TDX platform. */
    attestedPolicy: join(state, "attested-policy.json"),
    attestedSignerPolicy: join(state, "signer-policy.json"),
    quoteRoot: join(state, "tdx-root.der"),
    /** What stands for stack local's secrets. */
    secrets: join(state, "secrets.json"),
    /** The engine's backend and settings. */
    engine: join(state, "engine"),
    journal: join(state, "journal.jsonl"),
    rendered: join(state, "rendered"),
  } as const;
}

/** Names of the lab's services: of their pid files and logs in `.lab/`. */
export const serviceNames = {
  registry: "registry",
  referrersRegistry: "registry-with-referrers",
  sigstore: "sigstore",
  standIns: "stand-ins",
} as const;

/** The passphrase of stack local's state: it holds no secret (stacks/Pulumi.local.yaml says so too). */
export const localPassphrase = "neko-trust-local";

/** The registry host that stacks/Pulumi.local.yaml names; the overlay puts the lab's address in its place. */
export const placeholderRegistry = "registry.neko-lab.test";
export const samplePath = "m1k1o/neko/base";
export const signerPath = "m1k1o/neko/signer";
