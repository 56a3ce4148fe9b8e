import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";

/** The files of one lab control plane, all below `<state>/control-plane`, readable by their owner only. */
export interface ControlPlaneFiles {
  readonly directory: string;
  readonly ports: string;
  readonly serviceAccountKey: string;
  readonly tokens: string;
  readonly kubeconfig: string;
  /** Where kube-apiserver keeps its serving certificate and the CA that it made for it. */
  readonly certificates: string;
  readonly etcdData: string;
}

export function controlPlaneFiles(stateDirectory: string): ControlPlaneFiles {
  const directory = join(stateDirectory, "control-plane");
  return {
    directory,
    ports: join(directory, "ports.json"),
    serviceAccountKey: join(directory, "service-account.key"),
    tokens: join(directory, "tokens.csv"),
    kubeconfig: join(directory, "kubeconfig"),
    certificates: join(directory, "certificates"),
    etcdData: join(directory, "etcd"),
  };
}

/** Makes the folder, the service account key and the administrator's token where they are absent; returns the token. */
export function ensureCredentials(files: ControlPlaneFiles): string {
  mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  if (!existsSync(files.serviceAccountKey)) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeWhole(files.serviceAccountKey, privateKey.export({ type: "pkcs1", format: "pem" }).toString());
  }
  if (!existsSync(files.tokens)) {
    writeWhole(files.tokens, `${randomBytes(32).toString("base64url")},lab-admin,lab-admin,system:masters\n`);
  }
  const [token = ""] = readFileSync(files.tokens, "utf8").split(",");
  return token;
}

/**
 * The certificates that a client must trust: kube-apiserver writes its serving certificate and, after it, the CA that
 * it made for it into one file. Undefined until it did.
 */
export function servingAuthority(files: ControlPlaneFiles): string | undefined {
  const path = join(files.certificates, "apiserver.crt");
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** A kubeconfig (JSON is YAML) for the lab's administrator, with the API server's own CA. */
export function kubeconfigText(server: string, authority: string, token: string): string {
  const name = "neko-trust-lab";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name, cluster: { server, "certificate-authority-data": Buffer.from(authority, "utf8").toString("base64") } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
