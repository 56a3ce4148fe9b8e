import { rmSync } from "node:fs";
import { get } from "node:https";
import type { Directories } from "../../src/adapters/directories/directories.ts";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";
import { keptPorts } from "../processes/kept-ports.ts";
import { serviceStatus, startService, stopService } from "../processes/service.ts";
import { controlPlaneFiles, ensureCredentials, kubeconfigText, servingAuthority } from "./credentials.ts";
import type { ControlPlaneFiles } from "./credentials.ts";

const etcdName = "etcd";
const apiServerName = "kube-apiserver";
const portNames = ["etcdClient", "etcdPeer", "apiServer"] as const;
type ControlPlanePorts = Readonly<Record<(typeof portNames)[number], number>>;
const readyMilliseconds = 60_000;

/** Absolute paths of the two executables. */
export interface ControlPlaneBinaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
}

export interface RunningControlPlane {
  /** Path of a kubeconfig (mode 0600) for its administrator. */
  readonly kubeconfig: string;
  /** Stops both processes and waits until they have gone; what is stored stays for the next start. */
  readonly stop: () => Promise<void>;
}

/**
 * etcd and kube-apiserver on loopback: an API server without controllers, scheduler or nodes. Objects are validated,
 * admitted and stored as in any cluster; pods never run. Both outlive this process until they are stopped.
 */
export async function startServers(
  binaries: ControlPlaneBinaries,
  directories: Pick<Directories, "state" | "run">,
  progress: (line: string) => void,
): Promise<RunningControlPlane> {
  const files = controlPlaneFiles(directories.state);
  const token = ensureCredentials(files);
  // An API server whose etcd died serves nothing, and can't end in good order either: it is not given long.
  const etcdDown = serviceStatus(etcdName, directories.run).state === "stopped";
  if (etcdDown) await stopService(apiServerName, directories.run, 1000);
  const apiServerDown = serviceStatus(apiServerName, directories.run).state === "stopped";
  const { ports, moved } = await keptPorts(files.ports, portNames, (name) =>
    name === "apiServer" ? apiServerDown : etcdDown,
  );
  if (moved) progress(`control plane: a port of the last run is taken; the API server is now on ${ports.apiServer}`);
  await startEtcd(binaries.etcd, files, ports, directories.run);
  await startApiServer(binaries.kubeApiserver, files, ports, directories.run, token);
  const authority = servingAuthority(files);
  if (authority === undefined) throw new Error("a ready API server without a serving certificate");
  writeWhole(files.kubeconfig, kubeconfigText(`https://127.0.0.1:${ports.apiServer}`, authority, token));
  return { kubeconfig: files.kubeconfig, stop: () => stopServers(directories) };
}

/** Stops the API server, then etcd, and waits until both have gone. Does nothing when they don't run. */
export async function stopServers(directories: Pick<Directories, "run">): Promise<void> {
  await stopService(apiServerName, directories.run);
  await stopService(etcdName, directories.run);
}

/** Stops both and removes what they stored, keys and token included. */
export async function removeServers(directories: Pick<Directories, "state" | "run">): Promise<void> {
  await stopServers(directories);
  rmSync(controlPlaneFiles(directories.state).directory, { recursive: true, force: true });
}

async function startEtcd(
  command: string,
  files: ControlPlaneFiles,
  ports: ControlPlanePorts,
  run: string,
): Promise<void> {
  const client = `http://127.0.0.1:${ports.etcdClient}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  await startService({
    name: etcdName,
    command,
    args: [
      "--name=lab",
      `--data-dir=${files.etcdData}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=lab=${peer}`,
      // Losing the lab's objects in a power cut costs nothing; waiting for the disk on every write does.
      "--unsafe-no-fsync",
      "--log-level=warn",
    ],
    environment: {},
    runDirectory: run,
    ready: async () => {
      const response = await fetch(`${client}/health`, { signal: AbortSignal.timeout(2000) });
      return response.ok;
    },
    timeoutMilliseconds: readyMilliseconds,
  });
}

async function startApiServer(
  command: string,
  files: ControlPlaneFiles,
  ports: ControlPlanePorts,
  run: string,
  token: string,
): Promise<void> {
  await startService({
    name: apiServerName,
    command,
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
      `--cert-dir=${files.certificates}`,
      `--secure-port=${ports.apiServer}`,
      "--bind-address=127.0.0.1",
      // The address of a host without a network; nothing dials it, so no endpoint is published for it.
      "--advertise-address=127.0.0.1",
      "--endpoint-reconciler-type=none",
      // ClusterIPs on loopback: the API server dials webhooks there directly. Changing it needs an empty etcd.
      "--service-cluster-ip-range=127.0.10.0/24",
      "--service-account-issuer=https://localhost",
      `--service-account-key-file=${files.serviceAccountKey}`,
      `--service-account-signing-key-file=${files.serviceAccountKey}`,
      "--authorization-mode=RBAC",
      `--token-auth-file=${files.tokens}`,
      // No controller makes the default service accounts, which the first would demand of every pod, or takes the
      // finalizer away again that the second gives to every volume claim.
      "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection",
    ],
    environment: {},
    runDirectory: run,
    ready: () => isReady(files, ports.apiServer, token),
    timeoutMilliseconds: readyMilliseconds,
  });
}

/** Asks /readyz over TLS with the server's own CA, so that another program on the port is never taken for it. */
function isReady(files: ControlPlaneFiles, port: number, token: string): Promise<boolean> {
  const authority = servingAuthority(files);
  if (authority === undefined) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(
    {
      host: "127.0.0.1",
      port,
      path: "/readyz",
      ca: authority,
      headers: { authorization: `Bearer ${token}` },
      agent: false,
      timeout: 5000,
    },
    (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    },
  );
  request.once("timeout", () => request.destroy(new Error("no answer")));
  request.once("error", () => {
    resolve(false);
  });
  return promise;
}
