import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileBackendUrl } from "../../../src/engine/file-backend.ts";
import { outsidePulumi } from "../program-checkout.ts";
import { engineUnderTest } from "./engine-under-test.ts";

const run = promisify(execFile);

/** A stack as `openStack` keeps it in a folder. */
export interface KeptStack {
  readonly folder: string;
  readonly stack: string;
  readonly passphrase: string;
}

/** Runs the engine's own binary on a stack that `openStack` has opened, as somebody with a backup would. */
export async function pulumi({ folder, stack, passphrase }: KeptStack, args: readonly string[]): Promise<string> {
  const { command } = await engineUnderTest();
  const { stdout } = await run(command, [...args, "--stack", stack, "--non-interactive"], {
    cwd: join(folder, "workspace", stack),
    env: {
      ...outsidePulumi(process.env),
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: fileBackendUrl(join(folder, "backend")),
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
    },
    maxBuffer: 256 * 1024 * 1024,
  });
  return stdout;
}

/** The part of an exported state that tests look into and change. */
export interface ExportedState {
  readonly version: number;
  readonly deployment: { resources: { urn: string; type: string; inputs?: Record<string, unknown> }[] };
}
