import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { writeTufRepository } from "../../lab/sigstore/tuf-repository.ts";
import type { TufRepositoryParts } from "../../lab/sigstore/tuf-repository.ts";
import { startServer } from "../unit/adapters/registry/loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "../unit/adapters/registry/loopback-server.ts";

/** A TUF repository on loopback whose content a test changes, with keys of its own. */
export interface TufServer {
  readonly mirror: string;
  readonly server: LoopbackServer;
  /** Its root.json as a file, and as bytes. */
  readonly rootFile: string;
  readonly root: Uint8Array;
  /** Served from now on. */
  readonly publish: (
    parts: Partial<Omit<TufRepositoryParts, "rootKey" | "onlineKey">>,
  ) => ReadonlyMap<string, Uint8Array>;
  /** Answers in the repository's place. */
  readonly instead: (answer: ((request: SeenRequest) => PlannedAnswer | undefined) | undefined) => void;
}

const day = 86_400_000;

/** Serves trusted_root.json as the one target until the test ends. */
export async function serveTuf(t: TestContext, trustedRoot: Uint8Array): Promise<TufServer> {
  const keys = { rootKey: generateKeyPairSync("ed25519"), onlineKey: generateKeyPairSync("ed25519") };
  let files: ReadonlyMap<string, Uint8Array> = new Map();
  let other: ((request: SeenRequest) => PlannedAnswer | undefined) | undefined;
  const publish: TufServer["publish"] = (parts) => {
    const expires = new Date(Math.floor(Date.now() / 1000) * 1000 + day);
    files = writeTufRepository({ ...keys, expires, targets: { "trusted_root.json": trustedRoot }, ...parts });
    return files;
  };
  const root = publish({}).get("1.root.json") ?? Buffer.alloc(0);
  const server = await startServer(t, (request) => {
    const body = files.get(request.url.replace(/^\/tuf\//, ""));
    return other?.(request) ?? (body === undefined ? { status: 404 } : { status: 200, body });
  });
  const folder = mkdtempSync(join(tmpdir(), "neko-tuf-root-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const rootFile = join(folder, "root.json");
  writeFileSync(rootFile, root);
  return {
    mirror: `http://${server.host}/tuf`,
    server,
    rootFile,
    root,
    publish,
    instead: (answer) => {
      other = answer;
    },
  };
}
