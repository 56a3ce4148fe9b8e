import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { differences, writeGeneratedFiles } from "../../dev/generate.ts";
import { generatedFiles } from "../../dev/generated-files.ts";
import { releaseManifestJsonSchema, trustPolicyJsonSchema } from "../../dev/json-schemas.ts";
import { digestSchema } from "../../src/core/oci/formats.ts";
import { eventLogFaultMeanings } from "../../src/core/tdx/event-log-fault.ts";
import { quoteFaultCodes } from "../../src/core/tdx/fault.ts";
import { endorsementFaultMeanings } from "../../src/core/tdx/launch-endorsement-fault.ts";
import { releaseManifestSchema } from "../../src/core/release/manifest.ts";
import { findingCodes } from "../../src/core/verify/finding.ts";

const checkout = join(import.meta.dirname, "..", "..");

function generate(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const script = join(checkout, "dev", "generate.ts");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8", cwd: tmpdir() });
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-generated-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test("the committed generated files are what the code generates", () => {
  assert.deepEqual(differences(checkout), []);
});

test("generating twice gives the same bytes and changes nothing the second time", (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(
    writeGeneratedFiles(folder),
    generatedFiles.map((file) => file.path),
  );
  for (const { path, content } of generatedFiles) assert.equal(readFileSync(join(folder, path), "utf8"), content());
  assert.deepEqual(writeGeneratedFiles(folder), []);
});

test("--check exits 0 when nothing differs, and 1 naming each file that does", (t) => {
  const folder = temporaryFolder(t);
  writeGeneratedFiles(folder);
  assert.equal(generate("--check", "--root", folder).status, 0);

  writeFileSync(join(folder, "docs/generated/finding-codes.md"), "edited by hand\n");
  unlinkSync(join(folder, "schemas/trust-policy.v1.schema.json"));
  writeFileSync(join(folder, "schemas/old.schema.json"), "{}\n");
  const check = generate("--check", "--root", folder);
  assert.equal(check.status, 1);
  const named = check.stderr.split("\n").filter((line) => /^(docs|schemas)\//.test(line));
  assert.deepEqual(named, [
    "schemas/trust-policy.v1.schema.json: missing",
    "docs/generated/finding-codes.md: differs",
    "schemas/old.schema.json: not generated any more",
  ]);
  assert.equal(readFileSync(join(folder, "docs/generated/finding-codes.md"), "utf8"), "edited by hand\n");
});

for (const [name, codes] of Object.entries({
  "finding-codes": findingCodes,
  "quote-fault-codes": quoteFaultCodes,
  "event-log-fault-codes": Object.keys(eventLogFaultMeanings),
  "endorsement-fault-codes": Object.keys(endorsementFaultMeanings),
}))
  test(`the page ${name} has one row for every code, with what it says and what to do`, () => {
    const page = readFileSync(join(checkout, `docs/generated/${name}.md`), "utf8");
    const rows = page.split("\n").flatMap((line) => /^\| `([A-Z0-9_]+)` +\| \S.+ \| \S.+ \|$/.exec(line)?.[1] ?? []);
    assert.deepEqual(rows, [...codes]);
  });

test("every code of evidence of a machine that the program can write is on one of these pages, and on one alone", () => {
  const folder = join(checkout, "src", "core", "tdx");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const named = sources.flatMap((name) => [
    ...readFileSync(join(folder, name), "utf8").matchAll(
      /\b(?:QUOTE|CERTIFICATE|COLLATERAL|TCB|TD|EVENT_LOG|ENDORSEMENT)_[A-Z0-9_]*[A-Z0-9]\b/g,
    ),
  ]);
  const codes = new Set(named.map(([code]) => code));
  const listed = [...quoteFaultCodes, ...Object.keys(eventLogFaultMeanings), ...Object.keys(endorsementFaultMeanings)];
  assert.equal(new Set(listed).size, listed.length);
  // A file that can't be read at all is a Failure of the command that was given it, with its remedy; TD_QE is Intel's name of an enclave.
  for (const other of ["COLLATERAL_FILE_INVALID", "TD_QE"]) codes.delete(other);
  assert.deepEqual([...codes].sort(), [...listed].sort());
});

const hex = "0123456789abcdef".repeat(4);
const sri = `sha256-${"A".repeat(43)}=`;
const manifest = {
  schema: 1,
  name: "neko",
  version: "3.1.0",
  source: { repository: "https://github.com/m1k1o/neko", commit: hex.slice(0, 40), narHash: sri },
  flake: { repository: "https://github.com/m1k1o/neko", commit: hex.slice(0, 40), lock: `sha256:${hex}` },
  sourceDateEpoch: 1_700_000_000,
  digest: `sha256:${hex}`,
  platforms: [
    {
      platform: "linux/amd64",
      digest: `sha256:${hex}`,
      storePath: `/nix/store/${"0".repeat(32)}-image`,
      narHash: sri,
      narSize: 1,
      sbom: `sha256:${hex}`,
    },
  ],
};

/** Every path to a value inside a JSON document. */
function paths(value: unknown, at: readonly string[] = []): string[][] {
  const own = at.length === 0 ? [] : [[...at]];
  if (typeof value !== "object" || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([key, inner]) => paths(inner, [...at, key]))];
}

function withValue(document: unknown, path: readonly string[], value: unknown): unknown {
  const copy: unknown = structuredClone(document);
  let parent = copy as Record<string, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>;
  const last = path.at(-1) ?? "";
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return copy;
}

describe("the published schema of release manifests says what the program accepts", () => {
  const published = z.fromJSONSchema(JSON.parse(releaseManifestJsonSchema()) as z.core.JSONSchema.JSONSchema);

  test("both accept a valid manifest", () => {
    assert.equal(releaseManifestSchema.safeParse(manifest).success, true);
    assert.equal(published.safeParse(manifest).success, true);
  });

  test("both agree on every manifest with one value removed or replaced", () => {
    const replacements = [undefined, null, 0, -1, 1.5, "", "x", [], {}, `sha512:${hex}`, `sha256:${hex.toUpperCase()}`];
    let refused = 0;
    for (const path of paths(manifest)) {
      for (const replacement of replacements) {
        const changed = withValue(manifest, path, replacement);
        const ours = releaseManifestSchema.safeParse(changed).success;
        assert.equal(published.safeParse(changed).success, ours, `${path.join(".")} = ${JSON.stringify(replacement)}`);
        if (!ours) refused += 1;
      }
    }
    assert.ok(refused > 100, `only ${refused} changes were refused`);
  });

  test("both refuse an unknown key at every level", () => {
    for (const path of [["extra"], ["source", "extra"], ["flake", "extra"], ["platforms", "0", "extra"]]) {
      const changed = withValue(manifest, path, 1);
      assert.equal(releaseManifestSchema.safeParse(changed).success, false);
      assert.equal(published.safeParse(changed).success, false);
    }
  });
});

test("no published schema leaves a value without a description of what it may be", () => {
  const holes: string[] = [];
  const search = (value: unknown, at: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value) && Object.keys(value).length === 0) holes.push(at);
    for (const [key, inner] of Object.entries(value)) search(inner, `${at}/${key}`);
  };
  search(JSON.parse(releaseManifestJsonSchema()), "release-manifest");
  search(JSON.parse(trustPolicyJsonSchema()), "trust-policy");
  assert.deepEqual(holes, []);
});

test("the published form of a digest accepts exactly what the program accepts", () => {
  const { properties } = JSON.parse(releaseManifestJsonSchema()) as { properties: { digest: { pattern: string } } };
  const pattern = new RegExp(properties.digest.pattern, "u");
  const nearDigest = fc
    .tuple(
      fc.constantFrom("sha256:", "sha512:", "SHA256:", ""),
      fc.stringMatching(/^[0-9a-fA-F]{62,66}$/),
      fc.constantFrom("", "\n", " "),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(nearDigest, fc.string(), fc.stringMatching(/^sha256:[0-9a-f]{64}$/)), (text) => {
      assert.equal(pattern.test(text), digestSchema.safeParse(text).success);
    }),
  );
});
