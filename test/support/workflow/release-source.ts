import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { buildLayer } from "../../../src/core/oci/layout-builder.ts";
import { copyCheckout } from "../program-checkout.ts";
import type { ReleaseLab } from "../release-lab.ts";
import { sampleDisk, sampleUki } from "../signer-disk.ts";
import { localConfig } from "../stack-files.ts";
import { noDigest } from "../stack-lab.ts";
import { sbomScript, smallFlake } from "./small-flake.ts";

export interface SourceOptions {
  readonly odd?: boolean;
  readonly flakeVersion?: string;
  /** Changes the policies that the last word is by, at dotted paths. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** What the flake gives as the signer's kernel image; that which lies on its disk unless given. */
  readonly signerUki?: Uint8Array;
}

export const releasedVersion = "1.2.3";

/**
 * The repository that is released: this checkout, with the small flake, a stack that trusts the lab and has staging's role, and images at
 * `images` (registry/owner/repository). Gives its folder.
 */
export function releaseSource(
  t: TestContext,
  lab: ReleaseLab,
  { images, home }: { readonly images: string; readonly home: string },
  options: SourceOptions,
): string {
  const copy = copyCheckout();
  t.after(() => copy.remove());
  const source = copy.folder;
  rmSync(join(source, "node_modules"));
  // Each job has a checkout: what no job reads would only take time.
  for (const name of ["bench", "docs", "test"]) rmSync(join(source, name), { recursive: true });
  const write = (name: string, content: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    writeFileSync(join(source, name), content, { mode });
  };
  for (const name of ["base", "firefox"]) {
    for (const architecture of ["amd64", "arm64"]) {
      write(`lab/${name}-${architecture}.tar.gz`, layerOf("etc/text", Buffer.from(`${name} for ${architecture}`)));
    }
  }
  // A disk that a machine of Compute Engine would boot, but for what is on it.
  write("lab/signer-amd64.tar.gz", layerOf("disk.raw", sampleDisk()));
  write("lab/signer.efi", options.signerUki ?? sampleUki);
  write("lab/sbom.sh", sbomScript, 0o755);
  write("flake.nix", smallFlake({ odd: options.odd === true, version: options.flakeVersion ?? releasedVersion }));
  write("flake.lock", JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }));
  write("stacks/lab-root.json", lab.sigstore.trustedRoot);
  write("stacks/Pulumi.local.yaml", stackText(lab, images, "staging", options));
  runGit(source, home, ["init", "--quiet", "--initial-branch", "master"]);
  runGit(source, home, ["add", "--all"]);
  runGit(source, home, ["commit", "--quiet", "--message", "what is released"]);
  return source;
}

/** A commit that gets a version has its images signed twice: a stack believes who signs on master, or who signs versions. */
const refsOf = { staging: ["refs/heads/master"], production: ["refs/tags/v*"] } as const;

/** The file of stack local, as only that one may trust the lab: with the policies of another stack's role. */
export function stackText(lab: ReleaseLab, images: string, role: keyof typeof refsOf, options: SourceOptions): string {
  return stringify({ config: stackOf(lab, images, role, options) }, { aliasDuplicateObjects: false });
}

function layerOf(path: string, bytes: Uint8Array): Uint8Array {
  return buildLayer([{ kind: "file", path, bytes }], { sourceDateEpoch: 1_700_000_000 }).bytes;
}

/** Stack local, which trusts the lab and names the images; it has no releases yet. */
function stackOf(
  lab: ReleaseLab,
  images: string,
  role: keyof typeof refsOf,
  options: SourceOptions,
): Record<string, unknown> {
  const policyOf = (attributes: readonly string[], changes: Readonly<Record<string, unknown>>) =>
    lab.policyWith({
      "signers.0.environment": "release",
      "provenance.externalParameters": {
        flake: { fields: { repository: { fact: "flake.repository" }, commit: { fact: "flake.commit" } } },
        attribute: { oneOf: attributes },
        platform: { fact: "platform" },
      },
      ...changes,
      ...options.policy,
    });
  const imageOf = (name: string, repository: string, platforms: readonly string[]) => {
    return { name, repository: `${images}/${repository}`, mirrors: [], platforms };
  };
  const both = ["linux/amd64", "linux/arm64"];
  return {
    ...Object.fromEntries(
      Object.entries(localConfig()).filter(([key]) => !/^neko-trust:(?:release$|signer|confid|keyBroker)/.test(key)),
    ),
    "neko-trust:policy": policyOf(["image", "firefox-image"], {
      name: `neko-${role}`,
      images: [imageOf("neko-base", "base", both), imageOf("neko-firefox", "firefox", both)],
      "signers.0.refs": refsOf[role],
    }),
    "neko-trust:trustedRoot": "stacks/lab-root.json",
    "neko-trust:releases": [],
    "neko-trust:signerRelease": {
      image: `${images}/signer`,
      // Before the first one there is none to name.
      current: noDigest,
      retained: [],
      disk: { kind: "oci", reference: `${images}/signer@${noDigest}` },
      policy: policyOf(["signer-image"], {
        name: `neko-${role}-signer`,
        images: [imageOf("neko-trust-signer", "signer", ["linux/amd64"])],
        "signers.0.refs": ["refs/tags/v*"],
      }),
    },
  };
}

/** Runs git in the repository as somebody whose settings are nobody's; gives what it prints. */
export function runGit(folder: string, home: string, args: readonly string[]): string {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  const env = { PATH: process.env["PATH"] ?? "", HOME: home, GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", [...identity, ...args], { cwd: folder, encoding: "utf8", env });
}
