import { spawn } from "node:child_process";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { answer, unimplemented } from "./unary-grpc.ts";

/** A language host that runs programs as the official one of Node.js does. */
export interface LanguageHost {
  /** On 127.0.0.1. */
  readonly port: number;
  /** For PULUMI_DEBUG_LANGUAGES. */
  readonly attach: string;
  /** What the programs printed last: at most a million characters. */
  printed(): string;
  stop(): void;
}

export interface LanguageHostOptions {
  /** The address of the engine that starts the host; one that attaches to it tells its own. */
  readonly engine?: string;
  /** The folder of the @pulumi/pulumi package whose `cmd/run` runs the programs. */
  readonly sdk: string;
  /** The Node.js that runs them. */
  readonly node: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called with what programs print, as it comes. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

const maxPrinted = 1_000_000;

/** `cmd/run` ends with this code when it has already told the user what is wrong (cmd/run/index.ts). */
const alreadyTold = 32;

/**
 * Serves the `nodejs` language in this process. It takes the place of the official `pulumi-language-nodejs`, which comes with
 * Pulumi's own archives only: its Go module has no released version, so that it can't be built and pinned as the engine is.
 * Per program it starts one Node.js with the SDK's `cmd/run`, the arguments and the environment of the official host
 * (sdk/nodejs/cmd/pulumi-language-nodejs/main.go: constructArguments, constructConfig, execNodejs). An attached host must
 * answer the handshake. It names no required plugins: they are installed by pins.yaml, and a missing one fails when it is used.
 */
export async function startLanguageHost(options: LanguageHostOptions): Promise<LanguageHost> {
  let printed = "";
  let engine = options.engine ?? "";
  const children = new Set<number>();
  const server = new grpc.Server();
  server.addService(service.LanguageRuntimeService, {
    ...unimplemented(service.LanguageRuntimeService),
    handshake: answer((request: messages.LanguageHandshakeRequest) => {
      engine = request.getEngineAddress();
      return new messages.LanguageHandshakeResponse();
    }),
    getPluginInfo: answer(() => new plugins.PluginInfo().setVersion("3.259.0")),
    getRequiredPlugins: answer(() => new messages.GetRequiredPluginsResponse()),
    getRequiredPackages: answer(() => new messages.GetRequiredPackagesResponse()),
    cancel: answer(() => new empty.Empty()),
    run: answer(async (request: messages.RunRequest) => {
      const entry = entryPoint(request);
      const child = spawn(options.node, runArguments(options.sdk, engine, request, entry), {
        cwd: request.getPwd(),
        env: { ...options.environment, ...runEnvironment(request) },
        stdio: ["ignore", "pipe", "pipe"],
      });
      if (child.pid !== undefined) children.add(child.pid);
      for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (text: string) => {
          printed = (printed + text).slice(-maxPrinted);
          options.onOutput?.(name, text);
        });
      }
      const code = await new Promise<number | string>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (status, signal) => {
          resolve(status ?? signal ?? "no exit code");
        });
      });
      if (child.pid !== undefined) children.delete(child.pid);
      const response = new messages.RunResponse();
      if (code === alreadyTold) return response.setBail(true);
      return code === 0 ? response : response.setError(`Program exited with ${code}: ${printed.slice(-2_000)}`);
    }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    attach: `nodejs:${port}`,
    printed: () => printed,
    stop: () => {
      for (const pid of children) process.kill(pid, "SIGKILL");
      server.forceShutdown();
    },
  };
}

/** `main` of Pulumi.yaml: a file is the program, a folder is where it is looked for. */
function entryPoint(request: messages.RunRequest): string {
  return request.getInfo()?.getEntryPoint() ?? request.getProgram();
}

function runArguments(sdk: string, engine: string, request: messages.RunRequest, entry: string): string[] {
  const flags = [
    ["--monitor", request.getMonitorAddress()],
    ["--engine", engine],
    ["--organization", request.getOrganization()],
    ["--project", request.getProject()],
    ["--root-directory", request.getInfo()?.getRootDirectory() ?? ""],
    ["--stack", request.getStack()],
    ["--pwd", request.getPwd()],
    ["--parallel", request.getParallel() === 0 ? "" : String(request.getParallel())],
  ].filter(([, value]) => value !== "");
  const dryRun = request.getDryrun() ? ["--dry-run"] : [];
  return [join(sdk, "cmd", "run"), ...flags.flat(), ...dryRun, entry === "" ? "." : entry, ...request.getArgsList()];
}

function runEnvironment(request: messages.RunRequest): Record<string, string> {
  const config = Object.fromEntries(request.getConfigMap().entries());
  const options = request.getInfo()?.getOptions()?.toJavaScript() ?? {};
  return {
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    // With "true", which is the official default, `cmd/run` starts ts-node.
    PULUMI_NODEJS_TYPESCRIPT: options["typescript"] === false ? "false" : "true",
  };
}
