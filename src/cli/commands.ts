import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { registerAdopt } from "./commands/adopt.ts";
import { registerAttestedKey } from "./commands/attested-key.ts";
import { registerAttestImage } from "./commands/attest-image.ts";
import { registerCompilePolicy } from "./commands/compile-policy.ts";
import { registerGitHub } from "./commands/github.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerDrift } from "./commands/drift.ts";
import { registerEngine } from "./commands/engine.ts";
import { registerEnv } from "./commands/env.ts";
import { registerInit } from "./commands/init.ts";
import { registerKeyBroker } from "./commands/key-broker.ts";
import { registerLab } from "./commands/lab.ts";
import { registerMeasureSigner } from "./commands/measure-signer.ts";
import { registerPin } from "./commands/pin.ts";
import { registerPolicy } from "./commands/policy.ts";
import { registerPreview } from "./commands/preview.ts";
import { registerPromote } from "./commands/promote.ts";
import { registerRelease } from "./commands/release.ts";
import { registerRoot } from "./commands/root.ts";
import { registerSignImage } from "./commands/sign-image.ts";
import { registerPublishManifest } from "./commands/publish-manifest.ts";
import { registerRebuild } from "./commands/rebuild.ts";
import { registerReproCheck } from "./commands/repro-check.ts";
import { registerStatus } from "./commands/status.ts";
import { registerTee } from "./commands/tee.ts";
import { registerVerifyBundle } from "./commands/verify-bundle.ts";
import { registerVerifyImage } from "./commands/verify-image.ts";
import type { Outcome } from "./outcome.ts";

/** Runs a command's action with the process's context, prints its outcome and keeps its exit code. */
export type Runner = (action: (context: CommandContext) => Promise<Outcome>) => Promise<void>;

/**
 * Declares a command. Its file in `commands/` holds the declaration alone and loads what does the work (`actions/`) when it
 * is called: every command loads every declaration, so a heavy import here would slow all of them.
 */
export type RegisterCommand = (program: Command, run: Runner) => void;

/** Every command by its name, in the order that --help shows. */
const byName = new Map<string, RegisterCommand>([
  ["verify-image", registerVerifyImage],
  ["verify-bundle", registerVerifyBundle],
  ["policy", registerPolicy],
  ["compile-policy", registerCompilePolicy],
  ["release", registerRelease],
  ["promote", registerPromote],
  ["root", registerRoot],
  ["sign-image", registerSignImage],
  ["attest-image", registerAttestImage],
  ["measure-signer", registerMeasureSigner],
  ["publish-manifest", registerPublishManifest],
  ["repro-check", registerReproCheck],
  ["rebuild", registerRebuild],
  ["key-broker", registerKeyBroker],
  ["attested-key", registerAttestedKey],
  ["tee", registerTee],
  ["github", registerGitHub],
  ["pin", registerPin],
  ["init", registerInit],
  ["adopt", registerAdopt],
  ["doctor", registerDoctor],
  ["drift", registerDrift],
  ["engine", registerEngine],
  ["status", registerStatus],
  ["preview", registerPreview],
  ["env", registerEnv],
  ["lab", registerLab],
]);

export const commands: readonly RegisterCommand[] = [...byName.values()];

/** What a command line needs: the one command that it begins with, or all, to find it or to tell what there is. */
export function commandsFor(args: readonly string[]): readonly RegisterCommand[] {
  const named = byName.get(args[0] ?? "");
  return named === undefined ? commands : [named];
}
