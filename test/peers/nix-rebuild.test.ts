import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { parseStatement } from "../../src/core/intoto/parse-statement.ts";
import { rebuildFacts, rebuildPredicateSchema } from "../../src/core/intoto/rebuild-predicate.ts";
import { predicateTypes } from "../../src/core/intoto/statement.ts";
import { parseReferrerManifest } from "../../src/core/oci/parse.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { publishRebuild, rebuildRelease } from "../../src/operations/rebuild.ts";
import type { RebuildRequest } from "../../src/operations/rebuild.ts";
import type { StatementSigner } from "../../src/operations/publish-statement.ts";
import { nixLab, imageFile, runNix } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";
import { attestRelease, buildRelease, releaseFacts } from "../support/nix-release.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { documentOf, refusalCodes, runCli } from "../support/run-cli.ts";
import { labToken, signingConfig } from "../support/signing.ts";
import { registryFor } from "./registry-process.ts";
import type { TestContext } from "node:test";

const releases = await startReleaseLab();
const code = (expected: string) => ({ name: "Failure", code: expected });
const builderId = "https://github.com/rebuilder/neko-rebuilds/.github/workflows/rebuild.yml@refs/heads/main";

/** A signer of the lab, as the command line's will be. */
const signer: StatementSigner & { builderId: string } = {
  name: "the lab's rebuilder",
  builderId,
  invocationId: "https://github.com/rebuilder/neko-rebuilds/actions/runs/1/attempts/1",
  sign: (statement) =>
    releases.sigstore.sign(statement, {
      claims: {
        job_workflow_ref: builderId.slice("https://github.com/".length),
        repository: "rebuilder/neko-rebuilds",
      },
    }),
};

/** The lab's images are for linux/amd64: only a machine of that system rebuilds them. */
function nixLabFor(t: TestContext): Promise<NixLab | undefined> {
  if (process.arch === "x64") return nixLab(t);
  t.skip(`the test's image is for linux/amd64, and this machine is ${process.arch}`);
  return Promise.resolve(undefined);
}

interface Released {
  readonly manifest: ReleaseManifest;
  readonly repository: string;
  /** `--policy … --trusted-root …`. */
  readonly trust: readonly string[];
}

/** Builds, publishes and attests a release at a registry. */
async function release(t: TestContext, lab: NixLab, host: string): Promise<Released> {
  const files = await buildRelease(lab);
  const repository = `${host}/m1k1o/neko/base`;
  const [output, indexFile] = [join(lab.folder, "release.json"), join(lab.folder, "release-index.json")];
  const args = [
    ...releaseFacts(files),
    ...["--layout", `linux/amd64=${files.layout}`, "--sbom", `linux/amd64=${files.sbomFile}`],
    ...["--output", output, "--index-output", indexFile, "--push", `${repository}:1.2.3`],
  ];
  const published = await runCli(t, ["publish-manifest", ...args], { environment: lab.environment });
  assert.equal(published.code, 0, published.stderr);
  const manifest = JSON.parse(readFileSync(output, "utf8")) as ReleaseManifest;
  const sboms = new Map([["linux/amd64", files.sbom]]);
  const index = readFileSync(indexFile);
  await attestRelease(releases.sigstore, repository, manifest, { index, lock: readFileSync(files.lockFile), sboms });
  // The policy demands a rebuild that nobody has made yet: the rebuilder verifies without that demand.
  const policy = releases.policyWith({
    "images.0.repository": repository,
    "images.0.platforms": ["linux/amd64"],
    rebuilds: {
      perPlatform: 1,
      missing: "allow",
      rebuilders: [
        {
          id: "other",
          operator: "other",
          location: `${host}/rebuilder/neko-rebuilds`,
          identity: {
            issuer: releases.policy.signers[0]?.issuer,
            repository: "rebuilder/neko-rebuilds",
            repositoryId: "2001",
            ownerId: "2000",
            signerWorkflow: {
              repository: "rebuilder/neko-rebuilds",
              path: ".github/workflows/rebuild.yml",
              ref: "refs/heads/main",
            },
            callerWorkflow: { repository: "rebuilder/neko-rebuilds", path: ".github/workflows/rebuild.yml" },
            refs: ["refs/heads/main"],
            triggers: ["schedule"],
            runner: "github-hosted",
          },
        },
      ],
    },
  });
  const trust = [
    ...["--policy", lab.write("policy.yaml", stringify(policy))],
    ...["--trusted-root", lab.write("trusted_root.json", releases.evidence.trustedRoot)],
  ];
  return { manifest, repository, trust };
}

function request(manifest: ReleaseManifest, file: string, changes: Partial<RebuildRequest> = {}): RebuildRequest {
  return {
    manifest,
    source: { attribute: "image", file },
    substituters: [],
    builderId,
    invocationId: signer.invocationId,
    now: () => new Date("2026-11-23T12:00:00Z"),
    ...changes,
  };
}

/** The statement that a repository lists for a digest: its subject, and the predicate's facts. */
async function published(repository: string, digest: `sha256:${string}`) {
  const client = createRegistryClient();
  const [listed] = unwrap(await client.referrers(repository, digest), "referrers");
  assert.ok(listed !== undefined);
  const manifest = parseReferrerManifest(unwrap(await client.manifest(repository, listed.digest), "referrer"), "x");
  assert.ok(manifest.ok);
  const [layer] = manifest.proof.layers;
  assert.ok(layer !== undefined);
  const bundle = JSON.parse(Buffer.from(unwrap(await client.blob(repository, layer), "bundle")).toString()) as {
    dsseEnvelope: { payload: string };
  };
  const statement = parseStatement(Buffer.from(bundle.dsseEnvelope.payload, "base64"), "x");
  assert.ok(statement.ok);
  assert.equal(statement.proof.predicateType, predicateTypes.provenance);
  const facts = rebuildFacts(rebuildPredicateSchema.parse(statement.proof.predicate));
  return { subject: statement.proof.subject, facts, about: manifest.proof.subject };
}

for (const kind of ["crane", "with-referrers"] as const) {
  test(`a rebuild in another store gives the same bytes; its statement is published elsewhere, of the released digest (${kind})`, async (t) => {
    const lab = await nixLabFor(t);
    const host = await registryFor(t, kind);
    if (lab === undefined || host === undefined) return;
    const { manifest, repository } = await release(t, lab, host);
    const [platform] = manifest.platforms;
    assert.ok(platform !== undefined);
    const nix = lab.nix.with({ store: lab.otherStore("rebuilder") });
    const [rebuild, ...more] = await rebuildRelease(nix, request(manifest, join(lab.folder, "image.nix")));
    assert.ok(rebuild !== undefined && more.length === 0);
    assert.equal(rebuild.equal, true);
    assert.deepEqual(rebuild.differences, []);
    assert.equal(rebuild.facts.derivation, platform.derivation);
    assert.deepEqual(rebuild.facts.substituted, []);
    const location = `${host}/rebuilder/neko-rebuilds`;
    const client = createRegistryClient();
    const done = await publishRebuild(client, signer, rebuild, { location, released: repository });
    assert.equal(done.subject, platform.digest);
    // The image itself does not lie there.
    assert.deepEqual(await client.manifest(location, platform.digest), { kind: "absent" });
    const { subject, facts, about } = await published(location, platform.digest);
    assert.deepEqual(subject, [{ name: repository, digest: { sha256: platform.digest.slice(7) } }]);
    assert.equal(about.digest, platform.digest);
    assert.deepEqual(facts, {
      flake: manifest.flake,
      source: manifest.source,
      attribute: "image",
      platform: "linux/amd64",
      derivation: platform.derivation,
      digest: platform.digest,
      storePath: platform.storePath,
      narHash: platform.narHash,
      nix: { version: await nix.version(), system: "x86_64-linux" },
      substituters: [],
      substituted: [],
      builderId,
      invocationId: signer.invocationId,
      startedOn: "2026-11-23T12:00:00.000Z",
      finishedOn: "2026-11-23T12:00:00.000Z",
    });
  });
}

test("a rebuild of something else differs in all three, and is published like any other", async (t) => {
  const lab = await nixLabFor(t);
  const host = await registryFor(t, "crane");
  if (lab === undefined || host === undefined) return;
  const { manifest, repository } = await release(t, lab, host);
  const file = await imageFile(lab, " changed");
  const [rebuild] = await rebuildRelease(lab.nix, request(manifest, file));
  assert.equal(rebuild?.equal, false);
  assert.deepEqual(
    rebuild.differences.map(({ what }) => what),
    ["derivation", "NAR hash", "image digest"],
  );
  const location = `${host}/rebuilder/neko-rebuilds`;
  await publishRebuild(createRegistryClient(), signer, rebuild, { location, released: repository });
  const { subject, facts } = await published(location, rebuild.released);
  assert.equal(subject[0]?.digest["sha256"], manifest.platforms[0]?.digest.slice(7));
  assert.notEqual(facts.digest, manifest.platforms[0]?.digest);
});

test("what a cache other than nixpkgs' gave is listed, the result itself included", async (t) => {
  const lab = await nixLabFor(t);
  const host = await registryFor(t, "crane");
  if (lab === undefined || host === undefined) return;
  const { manifest } = await release(t, lab, host);
  const [platform] = manifest.platforms;
  const cache = `file://${lab.folder}/cache`;
  runNix(lab, "nix", ["copy", "--to", cache, platform?.storePath ?? ""]);
  // The project's own cache: asked by nobody's leave but this option's, which the rebuild overrides.
  const options = [
    { name: "extra-substituters", value: cache },
    { name: "require-sigs", value: "false" },
  ];
  const file = join(lab.folder, "image.nix");
  const strict = lab.nix.with({ store: lab.otherStore("strict"), options });
  assert.deepEqual((await rebuildRelease(strict, request(manifest, file)))[0]?.facts.substituted, []);
  const lax = lab.nix.with({ store: lab.otherStore("lax"), options });
  const [rebuild] = await rebuildRelease(lax, request(manifest, file, { substituters: [cache] }));
  assert.equal(rebuild?.equal, true);
  assert.deepEqual(rebuild.facts.substituted.map((path) => path.slice(44)).sort(), ["dependency", "image"]);
  assert.deepEqual(rebuild.facts.substituters, [cache]);
});

test("on the command line: verifies, rebuilds, writes the predicate for attest-image; a differing one exits 1 and says where", async (t) => {
  const lab = await nixLabFor(t);
  const host = await registryFor(t, "crane");
  if (lab === undefined || host === undefined) return;
  const { manifest, repository, trust } = await release(t, lab, host);
  const output = join(lab.folder, "rebuild.json");
  const common = [`${repository}:1.2.3`, ...trust, "--output", output, "--builder-id", builderId];
  // No cache can be reached from here.
  const offline = ["--substituter", `file://${lab.folder}/nothing`];
  const environment = lab.environment;
  lab.write("nothing/nix-cache-info", "StoreDir: /nix/store\n");
  const run = (args: readonly string[]) => runCli(t, ["rebuild", ...common, ...offline, ...args], { environment });
  const same = await run(["--file", join(lab.folder, "image.nix"), "--store", lab.otherStore("rebuilder")]);
  assert.equal(same.code, 0, same.stderr);
  assert.match(same.stdout, /^✓ linux\/amd64 sha256:[0-9a-f]{64}: rebuilt, byte for byte\n/);
  const facts = rebuildFacts(rebuildPredicateSchema.parse(JSON.parse(readFileSync(output, "utf8"))));
  assert.equal(facts.builderId, builderId);
  assert.equal(facts.digest, manifest.platforms[0]?.digest);
  const differs = await run(["--file", await imageFile(lab, " changed"), "--json"]);
  assert.equal(differs.code, 1);
  const document = documentOf(differs) as { ok: boolean; rebuilds: { differences: { what: string }[] }[] };
  assert.equal(document.ok, false);
  assert.deepEqual(
    document.rebuilds[0]?.differences.map(({ what }) => what),
    ["derivation", "NAR hash", "image digest"],
  );
  const file = ["--file", join(lab.folder, "image.nix")];
  for (const [args, exit, expected] of [
    [[...file, "--option", "sandbox=false"], 2, "NIX_SANDBOX_OFF"],
    [[...file, "--platform", "linux/arm64"], 2, "REBUILD_PLATFORM"],
    [[...file, "--attribute", "broken"], 3, "NIX_BUILD_FAILED"],
    [["--file", join(lab.folder, "dependency.nix"), "--attribute", "dependency"], 1, "LAYOUT_INVALID"],
    [["--file", "x", "--flake", "y"], 2, "REBUILD_SOURCE"],
    [["--location", `${host}/rebuilder/x`], 2, "REBUILD_DESTINATION"],
  ] as const) {
    const refused = await run(args);
    assert.equal(refused.code, exit, refused.stderr);
    assert.ok(refused.stderr.endsWith(`(code ${expected})\n`), refused.stderr);
  }
  // A release that does not verify is not rebuilt.
  const other = lab.write("other.yaml", readFileSync(trust[1] ?? "", "utf8").replace("neko-trust-sample", "other"));
  const unproven = [
    "rebuild",
    `${repository}:1.2.3`,
    "--policy",
    other,
    ...trust.slice(2),
    ...common.slice(5),
    ...file,
  ];
  const refused = await runCli(t, unproven, { environment });
  assert.equal(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, /MANIFEST_OTHER_IMAGE[\s\S]+\(code RELEASE_REFUSED\)\n$/);
});

test("from rebuild to quorum: the policy refuses the release until a rebuilder has run the one command", async (t) => {
  const lab = await nixLabFor(t);
  const host = await registryFor(t, "crane");
  if (lab === undefined || host === undefined) return;
  const { repository, trust } = await release(t, lab, host);
  const verify = async (): Promise<Readonly<Record<string, unknown>>> =>
    documentOf(await runCli(t, ["verify-image", `${repository}:1.2.3`, ...trust, "--json"], lab));
  assert.deepEqual(refusalCodes(await verify()), ["REBUILD_QUORUM"]);
  const token = labToken(releases.sigstore, {
    repository: "rebuilder/neko-rebuilds",
    repositoryId: "2001",
    ownerId: "2000",
    ref: "refs/heads/main",
    workflowPath: ".github/workflows/rebuild.yml",
    trigger: "schedule",
  });
  lab.write("nothing/nix-cache-info", "StoreDir: /nix/store\n");
  const args = [
    ...["rebuild", `${repository}:1.2.3`, ...trust, "--location", `${host}/rebuilder/neko-rebuilds`],
    ...["--file", join(lab.folder, "image.nix"), "--store", lab.otherStore("rebuilder")],
    ...["--substituter", `file://${lab.folder}/nothing`, "--signing-config", signingConfig(releases.sigstore)],
    ...["--identity-token-file", lab.write("token", token)],
  ];
  const rebuilt = await runCli(t, args, lab);
  assert.equal(rebuilt.code, 0, rebuilt.stderr);
  const verified = await verify();
  assert.equal(verified["ok"], true, JSON.stringify(verified));
  assert.match(JSON.stringify(verified["release"]), /"demanded":1,"rebuilders":\[\{"id":"other".*"operators":1/);
});

test("a release without a platform for this machine, and one that it lacks, are told", async (t) => {
  const lab = await nixLabFor(t);
  if (lab === undefined) return;
  const { manifest } = releases.release;
  const arm = { ...manifest, platforms: manifest.platforms.filter(({ platform }) => platform === "linux/arm64") };
  await assert.rejects(rebuildRelease(lab.nix, request(arm, "x")), code("REBUILD_PLATFORM"));
  await assert.rejects(
    rebuildRelease(lab.nix, request(manifest, "x", { platforms: ["linux/arm"] })),
    code("REBUILD_PLATFORM"),
  );
});
