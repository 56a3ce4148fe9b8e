import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { stringify } from "yaml";
import { attestedKeyWatchAction } from "../../../../src/cli/actions/attested-key-watch.ts";
import type { AttestedKeyWatchOptions } from "../../../../src/cli/actions/attested-key-watch.ts";
import { attestedKeySignAction } from "../../../../src/cli/actions/attested-key.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { readPolicyFile } from "../../../../src/operations/read-policy-file.ts";
import { entriesOf, startCloudLog } from "../../../support/cloud-log.ts";
import type { CloudLogAnswers } from "../../../support/cloud-log.ts";
import { failureCodeOf, failureFrom } from "../../../support/failures.ts";
import { signerAttributes } from "../../../support/metadata-server.ts";
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
/** For a metadata server: what it says of the machine's attributes. */
const attributesPath = (attributes: Readonly<Record<string, string | undefined>>): Record<string, string> => ({
  "instance/attributes/?recursive=true": JSON.stringify({ ...signerAttributes, ...attributes }),
});
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
    const { metadataAddress, loggingAddress } = await startCloudLog(t, {
      metadata: attributesPath({ "neko-trust-repository": other }),
    });
    const kbs = { kbsUrl: "https://127.0.0.1:1/kbs", kbsResource: "default/credential/registry" };
    const given: readonly AttestedKeyWatchOptions[] = [
      { ...watching, ...trusted, metadata: true, metadataAddress, loggingAddress },
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
  const metadata = attributesPath({ "neko-trust-repository": repository });
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
    entriesOf(taken).map(({ jsonPayload }) => jsonPayload),
    told,
  );
});

/** What a service says in Cloud Logging whose start fails, and the Failure that the command ends with. */
async function failedStart(t: TestContext, answers: CloudLogAnswers, options: Partial<AttestedKeyWatchOptions> = {}) {
  const { metadataAddress, loggingAddress, taken } = await startCloudLog(t, answers);
  const places = { metadata: true, metadataAddress, loggingAddress };
  const surroundings = { ...context(), signal: new AbortController().signal };
  const failure = await failureFrom(attestedKeyWatchAction({ ...watching, ...places, ...options }, surroundings));
  return { failure, entries: entriesOf(taken), log: surroundings.log };
}

test("with --metadata whatever stops the service at its start is told in Cloud Logging, as down with what is wrong", async (t) => {
  const { trust, repository, write } = await serveRelease(t, lab);
  const trusted = { policy: trust[1] ?? "", trustedRoot: trust[3] ?? "" };
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const kbsTokenKey = write("token.pem", publicKey.export({ format: "pem", type: "spki" }));
  const broker = { kbsTokenKey, kbsTlsKey: "0".repeat(64) };
  const twoStamps = stringify(lab.policyWith({ "images.0.repository": repository, "roots.tsa": 2 }));
  const watched = { "neko-trust-repository": repository };
  const starts: [string, Parameters<typeof attributesPath>[0], Partial<AttestedKeyWatchOptions>][] = [
    ["METADATA_INVALID", { "neko-trust-repository": "x:1", "neko-trust-collateral-url": undefined }, {}],
    ["POLICY_NOT_NAMED", watched, {}],
    ["KBS_TRUST_INVALID", watched, trusted],
    ["ATTESTED_REPOSITORY_UNLISTED", { "neko-trust-repository": `${repository}/x` }, { ...trusted, ...broker }],
    ["ATTESTED_TOO_FEW_AUTHORITIES", watched, { ...trusted, ...broker, policy: write("two.yaml", twoStamps) }],
    ["ATTESTED_POLICY_OTHER", watched, { ...trusted, ...broker, policyDigest: "sha256:0" }],
    ["HEALTH_ADDRESS_INVALID", watched, { ...trusted, ...broker, health: "nowhere" }],
  ];
  for (const [code, attributes, options] of starts) {
    const { failure, entries, log } = await failedStart(t, { metadata: attributesPath(attributes) }, options);
    assert.equal(failure.code, code);
    const { message, details } = failure;
    assert.deepEqual(
      entries.map(({ severity, jsonPayload }) => [severity, jsonPayload]),
      [["ERROR", { event: "down", code, message, details }]],
    );
    assert.equal(details.length, code === "METADATA_INVALID" ? 2 : 0);
    // The command ends with the same words on standard error.
    assert.deepEqual(log, []);
  }
});

test("a metadata server that is none, or silent about the log's token, changes nothing of what the command ends with, and soon", async (t) => {
  const none = await failedStart(t, { metadata: { "project/project-id": "../x" } });
  assert.equal(none.failure.code, "METADATA_UNREADABLE");
  assert.deepEqual(none.entries, []);
  const since = performance.now();
  const tokenless = await failedStart(t, {
    metadata: attributesPath({ "neko-trust-repository": "x:1" }),
    silent: ["instance/service-accounts/default/token"],
  });
  assert.equal(tokenless.failure.code, "METADATA_INVALID");
  assert.deepEqual([tokenless.entries, tokenless.log], [[], []]);
  assert.ok(performance.now() - since < 8000);
});

test("an interruption is no fault of the service, and nothing is told of it", async (t) => {
  const stop = new AbortController();
  const silent = ["instance/attributes/?recursive=true"];
  const { metadataAddress, loggingAddress, taken, asked } = await startCloudLog(t, { silent });
  const options = { ...watching, metadata: true, metadataAddress, loggingAddress };
  const running = attestedKeyWatchAction(options, { ...context(), signal: stop.signal });
  const ended = failureCodeOf(running);
  while (asked.size === 0) await wait(10);
  stop.abort(new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "Stopped.", remedy: "Run it again." }));
  assert.equal(await ended, "INTERRUPTED");
  assert.deepEqual(taken, []);
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
