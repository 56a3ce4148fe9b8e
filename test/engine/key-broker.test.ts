import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { KeyBroker } from "../../components/key-broker/component.ts";
import { keyBrokerSettingsSchema } from "../../components/key-broker/settings.ts";
import { Failure } from "../../src/core/failure.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import { brokerPins, brokerSettingsFields, signerPolicy, signerVerifiedRelease } from "../support/key-broker.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

const adminKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const hidden = ["correct-horse-battery-staple", "the key of the tokens", "the key of the server"] as const;
let bench: Bench;
let minutes = 0;

before(async () => {
  bench = await standInsBench();
});

after(() => bench.close());

interface Changes {
  readonly settings?: object;
  readonly credential?: string;
}

/** Each run is a minute later than the last, as in life: a token that was made anew must not count as a change. */
function program({ settings = {}, credential = hidden[0] }: Changes = {}) {
  return () => {
    const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
    const broker = new KeyBroker(
      "broker",
      {
        settings: keyBrokerSettingsSchema.parse({ ...brokerSettingsFields, onDestroy: "delete", ...settings }),
        policy: signerPolicy(),
        signer: signerVerifiedRelease(),
        secrets: {
          credential: pulumi.secret(credential),
          adminKey: pulumi.secret(adminKey),
          tokenKey: pulumi.secret(hidden[1]),
          tokenChain: "a chain",
          tokenRoot: "a root",
          tls: { key: pulumi.secret(hidden[2]), certificate: "a certificate", authority: "an authority" },
        },
        pins: brokerPins,
        now: new Date(Date.parse("2026-11-23T12:00:00Z") + minutes++ * 60_000),
      },
      { provider },
    );
    return Promise.resolve({ url: broker.serviceUrl, referenceValues: broker.referenceValuesDigest });
  };
}

const up = async (changes?: Changes) => (await bench.stack(program(changes))).up();

/** What was done to which resource, without its publication's digest. */
function changesOf(resources: readonly { urn: string; op: string }[]): string[] {
  const named = resources.filter(({ op }) => op !== "same").map(({ urn, op }) => `${op} ${parseUrn(urn)?.name ?? urn}`);
  return named.map((line) => line.replace(/-[0-9a-f]{10}$/, "")).toSorted();
}

test("a saved plan holds no token, and an update at another time may make its own", async () => {
  const plan = join(bench.folder, "plan.json");
  await (await bench.stack(program())).preview({ savePlan: plan });
  const saved = readFileSync(plan, "utf8");
  assert.match(saved, /publication-token/);
  for (const secret of [...hidden, adminKey, "Bearer ey"]) {
    assert.ok(!saved.includes(secret), secret);
    assert.ok(!saved.includes(Buffer.from(secret).toString("base64")));
  }
  const stack = await bench.stack(program());
  assert.equal((await stack.up({ plan })).summary["create"], 23);
  // And where all is there already.
  await (await bench.stack(program())).preview({ savePlan: plan });
  assert.deepEqual(Object.keys((await stack.up({ plan })).summary), ["same"]);
  // The next publication's token.
  const settings = { tee: { ...brokerSettingsFields.tee, minEvaluation: 20 } };
  await (await bench.stack(program({ settings }))).preview({ savePlan: plan });
  const { resources } = await (await bench.stack(program({ settings }))).up({ plan });
  assert.ok(changesOf(resources).includes("create broker-publication-token"));
  await stack.destroy();
});

test("an update that would do what its plan does not say is refused, and tells no secret", async () => {
  const plan = join(bench.folder, "plan.json");
  await (await bench.stack(program())).preview({ savePlan: plan });
  const settings = { tee: { ...brokerSettingsFields.tee, minEvaluation: 20 } };
  const stack = await bench.stack(program({ settings }));
  await assert.rejects(stack.up({ plan }), (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    const told = [error.message, ...error.details].join("\n");
    assert.equal(error.code, "ENGINE_UPDATE_FAILED");
    assert.match(told, /violates plan/);
    for (const secret of [...hidden, "PRIVATE KEY", "Bearer ey"]) assert.ok(!told.includes(secret), secret);
    return true;
  });
  await stack.destroy();
});

test("makes everything, and says where", async () => {
  const { outputs, summary } = await up();
  assert.equal(outputs["url"]?.value, "https://kbs.neko-trust-kbs.svc:8080");
  assert.match(String(outputs["referenceValues"]?.value), /^sha256:/);
  // 20 objects, the component, the provider, the stack.
  assert.equal(summary["create"], 23);
  const job = (await bench.renderedFiles()).find((name) => name.startsWith("job-"));
  assert.match(readFileSync(join(bench.rendered, job ?? ""), "utf8"), /reference-value/);
});

test("keeps every secret out of the state, the journal and the rendered files", async () => {
  const files = await bench.renderedFiles();
  const all = [bench.stateText(), await readFile(bench.journalFile, "utf8")];
  for (const file of files) all.push(readFileSync(join(bench.rendered, file), "utf8"));
  for (const text of all) {
    for (const secret of [...hidden, adminKey, "Bearer ey"]) {
      assert.ok(!text.includes(secret), secret);
      assert.ok(!text.includes(Buffer.from(secret).toString("base64")));
    }
  }
});

test("a second update changes nothing, though each run makes a token", async () => {
  const { summary } = await up();
  assert.deepEqual(Object.keys(summary), ["same"]);
});

test("another rule publishes anew, and restarts nothing", async () => {
  const tee = { ...brokerSettingsFields.tee, minEvaluation: 20 };
  const { resources } = await up({ settings: { tee } });
  assert.deepEqual(changesOf(resources), [
    "create broker-publication",
    "create broker-publication-token",
    "create broker-requests",
    "delete broker-publication",
    "delete broker-publication-token",
    "delete broker-requests",
    "update broker",
  ]);
});

test("a new credential without a new day is not passed over: the Job is made again", async () => {
  const tee = { ...brokerSettingsFields.tee, minEvaluation: 20 };
  const { resources } = await up({ settings: { tee }, credential: "another credential" });
  assert.deepEqual(changesOf(resources), ["replace broker-credential", "replace broker-publication"]);
});

test("a destroy leaves nothing", async () => {
  await (await bench.stack(program())).destroy();
  assert.deepEqual(await bench.renderedFiles(), []);
});
