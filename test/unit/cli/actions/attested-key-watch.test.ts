import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { stringify } from "yaml";
import { attestedKeyWatchAction } from "../../../../src/cli/actions/attested-key-watch.ts";
import type { AttestedKeyWatchOptions } from "../../../../src/cli/actions/attested-key-watch.ts";
import { attestedKeySignAction } from "../../../../src/cli/actions/attested-key.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { readPolicyFile } from "../../../../src/operations/read-policy-file.ts";
import { startCloudLog } from "../../../support/cloud-log.ts";
import { failureCodeOf, failureFrom } from "../../../support/failures.ts";
import { signerAttributes, startMetadataServer } from "../../../support/metadata-server.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { serveRelease } from "../../../support/release-registry.ts";

const lab = await startReleaseLab();
const nowhere = { checkout: "/nonexistent", state: "/nonexistent", cache: "/nonexistent", run: "/nonexistent" };

/** A command's surroundings; what runs for ever is ended, and then it has refused nothing. */
function context() {
  const log: string[] = [];
  return {
    directories: nowhere,
    environment: {},
    now: () => new Date(),
    signal: AbortSignal.timeout(5000),
    progress: (line: string) => {
      log.push(line);
    },
    log,
  };
}
const watching = { repository: [], tsaUrl: [], health: "127.0.0.1:0", interval: "60" };

test("what is said twice is refused before anything is asked", async () => {
  const options = { ...watching, metadata: true, repository: ["ghcr.io/a/b"] };
  assert.equal(await failureCodeOf(attestedKeyWatchAction(options, context())), "ATTESTED_SAID_TWICE");
  const secret = { ...options, kbsUrl: "https://u:geheim@kbs.example/kbs" };
  const { message } = await failureFrom(attestedKeyWatchAction(secret, context()));
  assert.match(message, /^--repository, --kbs-url are given/);
});

test("a repository that is none is refused, and not shown", async () => {
  for (const repository of ["https://u:geheim@ghcr.io/a/b", "geheim", "geheim/b:1"]) {
    const { code, message } = await failureFrom(
      attestedKeyWatchAction({ ...watching, repository: [repository] }, context()),
    );
    assert.equal(code, "ATTESTED_REPOSITORY_INVALID");
    assert.doesNotMatch(message, /geheim/);
  }
});

test("what is no address of a service is refused before anything starts, and not shown", async () => {
  const bad = [
    "file:///etc/passwd",
    "https://u:geheim@x.example",
    "http://x.example",
    "https://x.example/?geheim",
    "x",
  ];
  for (const address of bad) {
    for (const given of [{ collateralUrl: address }, { tsaUrl: ["https://tsa.example", address] }]) {
      const surroundings = context();
      const running = attestedKeyWatchAction({ ...watching, repository: ["ghcr.io/a/b"], ...given }, surroundings);
      const { code, kind, message } = await failureFrom(running);
      assert.deepEqual([code, kind], ["ATTESTED_URL_INVALID", "usage"], address);
      assert.doesNotMatch(message, /geheim|passwd/);
      assert.deepEqual(surroundings.log, []);
    }
  }
});

test("a repository that the measured policy does not name is refused, by metadata and by option, before anything is asked", async (t) => {
  const { trust, repository, write, server } = await serveRelease(t, lab);
  const kbsTlsKey = "0".repeat(64);
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const kbsTokenKey = write("token.pem", publicKey.export({ format: "pem", type: "spki" }));
  const trusted = { policy: trust[1] ?? "", trustedRoot: trust[3] ?? "", kbsTlsKey, kbsTokenKey };
  for (const other of ["evil.example/m1k1o/neko/base", `${repository}/x`, "evil.example/a"]) {
    const body = { ...signerAttributes, "neko-trust-repository": other };
    const metadataAddress = await startMetadataServer(t, { body });
    const kbs = { kbsUrl: "https://127.0.0.1:1/kbs", kbsResource: "default/credential/registry" };
    const given: readonly AttestedKeyWatchOptions[] = [
      { ...watching, ...trusted, metadata: true, metadataAddress },
      { ...watching, ...trusted, ...kbs, repository: [other] },
    ];
    for (const options of given) {
      const surroundings = context();
      const { code, kind } = await failureFrom(attestedKeyWatchAction(options, surroundings));
      assert.deepEqual([code, kind], ["ATTESTED_REPOSITORY_UNLISTED", "usage"]);
      assert.deepEqual(surroundings.log, []);
    }
    const signing = attestedKeySignAction(
      `${other}@${lab.evidence.digest}`,
      { ...trusted, ...kbs, tsaUrl: [] },
      context(),
    );
    assert.equal(await failureCodeOf(signing), "ATTESTED_REPOSITORY_UNLISTED");
  }
  assert.deepEqual(server.seen, []);
});

test("with --metadata the service's lines go to standard error and, the same, to Cloud Logging", async (t) => {
  const { trust, repository, write, server } = await serveRelease(t, lab);
  const [, policy = "", , trustedRoot = ""] = trust;
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const kbsTokenKey = write("token.pem", publicKey.export({ format: "pem", type: "spki" }));
  const attributes = { ...signerAttributes, "neko-trust-repository": repository };
  const metadata = { "instance/attributes/?recursive=true": JSON.stringify(attributes) };
  const { metadataAddress, loggingAddress, taken } = await startCloudLog(t, { metadata });
  const stop = new AbortController();
  const surroundings = { ...context(), signal: stop.signal };
  const { log } = surroundings;
  const running = attestedKeyWatchAction(
    {
      ...{ ...watching, metadata: true, metadataAddress, loggingAddress },
      ...{ policy, trustedRoot, kbsTokenKey, kbsTlsKey: "0".repeat(64) },
    },
    surroundings,
  );
  // This machine is no trust domain, which is what is told; nothing is asked of registry and broker.
  for (let tries = 0; tries < 500 && !log.some((line) => line.includes('"down"')); tries += 1) await wait(10);
  stop.abort();
  const { document } = await running;
  assert.deepEqual(document, { ok: true, signed: 0, refused: 0, failed: 1 });
  assert.deepEqual(server.seen, []);
  const told = log.map((line) => {
    const { time: _time, level: _level, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
  assert.deepEqual(
    told.map(({ event }) => event),
    ["listening", "started", "down", "stopped"],
  );
  assert.equal(told[0]?.["policy"], policyDigest(readPolicyFile(policy)));
  assert.deepEqual(
    taken.flatMap(({ entries }) => entries.map(({ jsonPayload }) => jsonPayload)),
    told,
  );
});

test("as many repositories as a signer watches, each once, of one registry where the key broker gives its credential", async (t) => {
  const { trust, repository, write } = await serveRelease(t, lab);
  const trusted = { policy: trust[1] ?? "", trustedRoot: trust[3] ?? "" };
  const code = (options: Partial<AttestedKeyWatchOptions>): Promise<string> =>
    failureCodeOf(attestedKeyWatchAction({ ...watching, ...trusted, ...options }, context()));
  const nine = Array.from({ length: 9 }, (_, index) => `ghcr.io/a/${index}`);
  for (const wrong of [[], nine, ["ghcr.io/a/b", "ghcr.io/a/b"], ["ghcr.io/a/b:latest"], ["ghcr.io/a/b,ghcr.io/a/c"]]) {
    assert.equal(await code({ repository: wrong }), "ATTESTED_REPOSITORY_INVALID", wrong.join());
  }
  assert.equal(await code({ repository: [repository, "ghcr.io/a/b"] }), "ATTESTED_REPOSITORY_UNLISTED");
  const mirrored = write(
    "mirrored.yaml",
    stringify(lab.policyWith({ "images.0.repository": repository, "images.0.mirrors": ["mirror.example/neko/base"] })),
  );
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const broker = {
    kbsUrl: "https://127.0.0.1:1/kbs",
    kbsResource: "default/credential/registry",
    kbsTlsKey: "0".repeat(64),
    kbsTokenKey: write("token.pem", publicKey.export({ format: "pem", type: "spki" })),
  };
  const two = [repository, "mirror.example/neko/base"];
  assert.equal(await code({ ...broker, policy: mirrored, repository: two }), "ATTESTED_REGISTRIES_DIFFER");
});
