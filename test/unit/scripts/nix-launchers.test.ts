import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const checkout = join(import.meta.dirname, "..", "..", "..");
const folder = mkdtempSync(join(tmpdir(), "neko launchers-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(program: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: folder }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(new Error(error.message));
      else resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

for (const [script, command] of [
  ["repro-check.sh", "repro-check"],
  ["publish-manifest.py", "publish-manifest"],
] as const) {
  test(`scripts/${script} is the command, from any folder and through links of links`, async (t) => {
    if (script.endsWith(".py")) {
      const python = await run("python3", ["--version"]).catch(() => undefined);
      if (python === undefined) {
        t.skip("python3 is not on PATH");
        return;
      }
    }
    mkdirSync(join(folder, script));
    const link = join(folder, script, "a link");
    symlinkSync(join(checkout, "scripts", script), link);
    symlinkSync("a link", join(folder, script, "again"));
    for (const path of [join(checkout, "scripts", script), link, join(folder, script, "again")]) {
      const { code, stdout } = await run(path, ["--help"]);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`Usage: neko-trust ${command} `), stdout);
    }
    const wrong = await run(link, ["--option", "a value with spaces"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /\n\(code (?:NIX_OPTION_INVALID|OPTION_MISSING)\)\n$/);
  });
}
