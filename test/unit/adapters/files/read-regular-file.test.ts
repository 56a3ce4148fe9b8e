import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isTooLarge, readRegularFile } from "../../../../src/adapters/files/read-regular-file.ts";
import { readAttestDocument } from "../../../../src/operations/attest-documents.ts";
import { readPolicyFile } from "../../../../src/operations/read-policy-file.ts";
import { readReferences } from "../../../../src/operations/read-references.ts";
import { readTrustedRootFile } from "../../../../src/operations/read-trusted-root.ts";
import { readTufSource } from "../../../../src/operations/read-tuf-source.ts";
import { readInput } from "../../../../src/cli/actions/files.ts";
import { codeThrown, failureCodeOf } from "../../../support/failures.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-regular-"));
after(() => {
  rmSync(folder, { recursive: true });
});
const pipe = join(folder, "pipe");
execFileSync("mkfifo", [pipe]);

test("a file is read up to the bound, and not one byte beyond", () => {
  const file = join(folder, "file");
  writeFileSync(file, "four");
  assert.equal(readRegularFile(file, 4).toString(), "four");
  assert.throws(() => readRegularFile(file, 3), isTooLarge);
});

test("a pipe, a folder and a device are refused at once", () => {
  for (const path of [pipe, folder, "/dev/zero"]) {
    assert.throws(() => readRegularFile(path, 4), { message: "it is not a file" });
  }
});

const readers: readonly (readonly [code: string, read: (path: string) => unknown])[] = [
  ["POLICY_UNREADABLE", readPolicyFile],
  ["ROOT_UNREADABLE", (path) => readTrustedRootFile(path, folder)],
  ["TUF_ROOT_UNREADABLE", (path) => readTufSource({ mirror: undefined, rootFile: path })],
  ["FILE_UNREADABLE", (path) => readInput("--sbom", path)],
  ["ATTEST_FILE_UNREADABLE", (path) => readAttestDocument("sbom", path)],
];
for (const [code, read] of readers) {
  test(`a pipe where a file is to be named is refused with ${code}, and not waited for`, () => {
    assert.equal(
      codeThrown(() => read(pipe), "read"),
      code,
    );
  });
}

test("a pipe where a list of references is to be named is refused, and a list that is too long has its own code", async () => {
  assert.equal(await failureCodeOf(readReferences(pipe)), "REFERENCES_UNREADABLE");
  const long = join(folder, "long");
  writeFileSync(long, Buffer.alloc(4 * 1024 * 1024 + 1, "\n"));
  assert.equal(await failureCodeOf(readReferences(long)), "REFERENCES_TOO_LONG");
});
