import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectName } from "../src/config/read-config.ts";
import { localOverlayPath } from "../src/config/local-overlay.ts";
import { Failure } from "../src/core/failure.ts";
import { fileBackendUrl } from "../src/engine/file-backend.ts";
import type { LabContext, LabReport } from "./context.ts";
import { controlPlaneFiles } from "./control-plane/credentials.ts";
import { localPassphrase, placesOf, serviceNames } from "./places.ts";
import { startService } from "./processes/service.ts";
import { lastTarget } from "./provision.ts";
import { serviceEnvironment } from "./services.ts";
import { standInsFileIn, standInsFileSchema } from "./stand-ins/serve.ts";

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `neko-trust env`: starts the stand-ins as a service and prints what attaches the official CLI to them. */
export async function labEnvironment(context: LabContext): Promise<LabReport> {
  const { directories, environment } = context;
  if (!existsSync(localOverlayPath(directories.state))) {
    throw new Failure({
      code: "LAB_NOT_RUNNING",
      kind: "unavailable",
      message: "There is no lab to attach to.",
      remedy: "Start it with: make up",
    });
  }
  const places = placesOf(directories);
  const file = standInsFileIn(directories.run);
  const target =
    lastTarget(context) === "api-server"
      ? ["--kubeconfig", controlPlaneFiles(directories.state).kubeconfig]
      : ["--render", places.rendered];
  await startService({
    name: serviceNames.standIns,
    command: process.execPath,
    args: [
      join(directories.checkout, "lab", "stand-ins", "serve.ts"),
      ...["--stack", "local", "--project", projectName, "--journal", places.journal, "--run", directories.run],
      ...target,
    ],
    environment: serviceEnvironment(environment),
    runDirectory: directories.run,
    ready: () => Promise.resolve(existsSync(file)),
    timeoutMilliseconds: 30_000,
  });
  const { debugProviders } = standInsFileSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const variables: Record<string, string> = {
    PULUMI_BACKEND_URL: fileBackendUrl(join(places.engine, "backend")),
    PULUMI_CONFIG_PASSPHRASE: localPassphrase,
    PULUMI_DEBUG_PROVIDERS: debugProviders,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
  return {
    healthy: true,
    lines: Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`),
    document: { ok: true, environment: variables },
  };
}
