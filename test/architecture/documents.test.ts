import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { exitCodes } from "../../src/cli/outcome.ts";
import { findingCodes } from "../../src/core/verify/finding.ts";

/** What documents say of the tree is held against the tree. */

const checkout = join(import.meta.dirname, "..", "..");
const skippedFolders = new Set(["node_modules", ".git", ".lab", "dist", "fixtures"]);

function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const documents = markdownFiles(checkout).map((path) => ({
  path: relative(checkout, path),
  text: readFileSync(path, "utf8"),
}));

function textOf(path: string): string {
  const document = documents.find((candidate) => candidate.path === path);
  assert.ok(document !== undefined, `${path} is missing`);
  return document.text;
}

/** GitHub's anchors: lower case, without punctuation, blanks as dashes. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("every link inside the repository leads somewhere", () => {
  const broken: string[] = [];
  let links = 0;
  for (const { path, text } of documents) {
    for (const [, link = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      links += 1;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      if (!existsSync(join(checkout, target))) broken.push(`${path}: ${link} does not exist`);
      else if (anchor !== undefined && !anchors(textOf(target)).includes(anchor)) {
        broken.push(`${path}: ${link} has no such heading`);
      }
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(links > 15, `only ${links} links were found`);
});

test("every make target that a document names exists", () => {
  const targets = [...readFileSync(join(checkout, "Makefile"), "utf8").matchAll(/^([a-z-]+):/gm)].map(
    ([, name]) => name,
  );
  const named = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:`|^)make ([a-z-]+)/gm)].map(([, target = ""]) => ({ path, target })),
  );
  assert.ok(named.length > 5, "hardly any make target is named");
  const unknown = named.filter(({ target }) => !targets.includes(target));
  assert.deepEqual(unknown, []);
});

test("the table of exit codes is what the command line uses", () => {
  const rows = [...textOf("docs/exit-codes.md").matchAll(/^\| (\d+) +\| (\w+)/gm)].map(([, code, name]) => [
    name,
    Number(code),
  ]);
  assert.deepEqual(Object.fromEntries(rows), exitCodes);
});

test("every finding code that a document names exists", () => {
  const codes = new Set<string>(findingCodes);
  const prefixes = /^(?:BUNDLE|IDENTITY|STATEMENT|MANIFEST|PROVENANCE|SBOM|ROOT|REGISTRY)_[A-Z_]+$/;
  const unknown = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`([A-Z_]{6,})`/g)]
      .map(([, code = ""]) => code)
      .filter((code) => prefixes.test(code) && !codes.has(code))
      .map((code) => `${path}: ${code}`),
  );
  assert.deepEqual(unknown, []);
});

test("every decision is listed in the index, by its title", () => {
  const index = textOf("docs/decisions/README.md");
  for (const { path, text } of documents) {
    const name = /^docs\/decisions\/(\d{4}-.+\.md)$/.exec(path)?.[1];
    if (name === undefined) continue;
    const title = /^# (.+)$/m.exec(text)?.[1];
    assert.ok(title !== undefined, `${path} has no title`);
    assert.ok(index.includes(`[${title}](${name})`), `docs/decisions/README.md lacks: - [${title}](${name})`);
  }
});

const owners = readFileSync(join(checkout, ".github", "CODEOWNERS"), "utf8");
const owned = owners.split("\n").flatMap((line) => /^\/(\S+)\s+@\S+/.exec(line)?.[1] ?? []);

test("what decides, checks or builds has code owners", () => {
  const guards = ["src/", "components/", "stacks/", "policy/", "pins.yaml", "Pulumi.yaml", "index.ts", "entry.mjs"];
  const checks = [".github/", ".ci/", "test/", "dev/", "lab/", "scripts/", "bin/", "tools/", "nix/", "Makefile"];
  assert.deepEqual(
    [...guards, ...checks].filter((path) => !owned.includes(path)),
    [],
  );
});

test("what is in nobody else's care has code owners, too: the first line, as the last that fits counts", () => {
  const [first] = owners.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.match(first ?? "", /^\* +@\S+$/);
});

test("every path that has code owners exists", () => {
  assert.ok(owned.length > 5, "hardly any path has owners");
  assert.deepEqual(
    owned.filter((path) => !existsSync(join(checkout, path))),
    [],
  );
});
