import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { Failure, reasonOf } from "../../core/failure.ts";

/** The current context of a kubeconfig, read by the official client. */
export interface ClusterAccess {
  readonly server: URL;
  readonly config: KubeConfig;
  /** What the file asks for besides a server and credentials; the caller decides whether it allows that. */
  readonly asks: { readonly proxy: boolean; readonly program: boolean };
}

/**
 * Reads a kubeconfig and looks at one context only: the one that is named, else its current one.
 *
 * @throws Failure KUBECONFIG_MISSING, KUBECONFIG_INVALID (usage)
 */
export async function readKubeconfig(file: string, context?: string): Promise<ClusterAccess> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new Failure(
      {
        code: "KUBECONFIG_MISSING",
        kind: "usage",
        message: `The kubeconfig ${file} can't be read: ${reasonOf(error)}.`,
        remedy: "Give the path of a readable kubeconfig.",
      },
      { cause: error },
    );
  });
  const config = await parse(file, text);
  if (context !== undefined) {
    if (config.getContextObject(context) === null) throw invalid(file, `it has no context ${JSON.stringify(context)}`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw invalid(file, "its context names no cluster and user");
  if (!URL.canParse(cluster.server)) throw invalid(file, "its cluster's server is no URL");
  return {
    server: new URL(cluster.server),
    config,
    asks: {
      proxy: cluster.proxyUrl !== undefined && cluster.proxyUrl !== "",
      program: isPresent(user.exec) || isPresent(user.authProvider),
    },
  };
}

async function parse(file: string, text: string): Promise<KubeConfig> {
  // Loaded when needed: the client's thousand models take a second to load, and most commands touch no cluster.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(file));
  } catch (error) {
    // The parser's message quotes the file, which holds credentials: only that it failed is told.
    throw invalid(file, "it is no valid YAML of kind Config", error);
  }
  return config;
}

/** The parsed YAML may say null where the client's types say absent. */
function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function invalid(file: string, why: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "KUBECONFIG_INVALID",
      kind: "usage",
      message: `The kubeconfig ${file} can't be used: ${why}.`,
      remedy: "Write it anew; `kubectl config view --minify` shows what it should hold.",
    },
    { cause },
  );
}
