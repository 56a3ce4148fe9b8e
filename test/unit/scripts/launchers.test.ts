import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const checkout = join(import.meta.dirname, "..", "..", "..");

function run(command: string, args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    // CDPATH makes `cd` print: a launcher must find its checkout all the same.
    const env = { ...process.env, CDPATH: checkout };
    execFile(command, args, { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output: `${stdout}${stderr}` });
    });
  });
}

for (const name of ["sign-image", "attest-image", "verify-image"]) {
  test(`scripts/${name}.sh runs the command from any folder and through symlinks, and passes arguments on as they are`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "neko launchers "));
    try {
      const link = join(folder, "a link");
      symlinkSync(join(checkout, "scripts", `${name}.sh`), link);
      symlinkSync("a link", join(folder, "second"));
      for (const [command, cwd] of [
        [join(checkout, "scripts", `${name}.sh`), folder],
        [link, "/"],
        ["./second", folder],
        [`scripts/${name}.sh`, checkout],
      ] as const) {
        const help = await run(command, ["--help"], cwd);
        assert.equal(help.code, 0, help.output);
        assert.ok(help.output.startsWith(`Usage: neko-trust ${name} `), help.output);
      }
      const wrong = await run(link, ["two words; $(and more)"], folder);
      assert.equal(wrong.code, 2);
      assert.match(wrong.output, /"two words; \$\(and more\)" is not an image reference/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("scripts/attested-key runs the command from any folder and through symlinks, and passes arguments on as they are", async () => {
  const folder = mkdtempSync(join(tmpdir(), "neko launchers "));
  try {
    const link = join(folder, "a link");
    symlinkSync(join(checkout, "scripts", "attested-key"), link);
    const help = await run(link, ["sign", "--help"], folder);
    assert.equal(help.code, 0, help.output);
    assert.ok(help.output.startsWith("Usage: neko-trust attested-key sign "), help.output);
    const wrong = await run(link, ["sign", "two words; $(and more)"], "/");
    assert.equal(wrong.code, 2);
    assert.match(wrong.output, /"two words; \$\(and more\)" is not an image reference/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
