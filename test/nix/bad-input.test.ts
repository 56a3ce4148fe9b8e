import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { flakeLab, nameStandIns, nekoRevision, nixAbsent } from "../support/flake-lab.ts";
import type { FlakeLab } from "../support/flake-lab.ts";
import { nixFunctions, nixLab } from "../support/nix-lab.ts";

/** What somebody sees who gives the flake something odd. */

const skip = nixAbsent() ?? false;
const labs: FlakeLab[] = [];
after(() => {
  for (const lab of labs) lab.remove();
});

function newLab(change?: (flake: string) => void): FlakeLab {
  const lab = flakeLab(change);
  labs.push(lab);
  return lab;
}

/** The flake with the stand-ins as its own inputs, locked: no option of Nix changes anything about it. */
function lockedLab(): FlakeLab & { readonly read: (output: string) => unknown } {
  const lab = newLab((flake) => {
    nameStandIns(flake);
    rmSync(join(flake, "flake.lock"));
  });
  const locked = lab.nix(["flake", "lock", "--offline"]);
  assert.equal(locked.code, 0, locked.stderr);
  lab.git("add", "flake.lock");
  lab.git("commit", "--quiet", "--message", "lock");
  const read = (output: string): unknown => {
    const { code, stdout, stderr } = lab.nix(["eval", "--json", "--offline", `git+file://${lab.flake}#${output}`]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  return { ...lab, read };
}

test(
  "a clean tree builds 3.1.6; a dirty one says so in the release's facts and in the image, and nowhere else",
  { skip },
  () => {
    const lab = lockedLab();
    const { read } = lab;
    const version = (): unknown => (read("lib.release") as { version: string }).version;
    const label = (): unknown => read('packages.x86_64-linux.image.config.Labels."org.opencontainers.image.version"');
    const server = read("packages.x86_64-linux.nekoServer.drvPath");
    const runtime = read("packages.x86_64-linux.runtime.drvPath");
    assert.equal(version(), "3.1.6");
    assert.equal(label(), "3.1.6");
    appendFileSync(join(lab.flake, "README.md"), "changed\n");
    assert.equal(version(), "3.1.6-dirty");
    assert.equal(label(), "3.1.6-dirty");
    // What is built of the locked source alone is not built anew.
    assert.equal(read("packages.x86_64-linux.nekoServer.drvPath"), server);
    assert.equal(read("packages.x86_64-linux.runtime.drvPath"), runtime);
  },
);

test(
  "each commit gives images of its own: a label has the flake's revision, and every layer stays what it was",
  { skip },
  () => {
    const lab = lockedLab();
    const images = ["image", "firefox-image"].map((name) => `packages.x86_64-linux.${name}`);
    const built = images.map((image) => lab.read(`${image}.drvPath`));
    const layers = images.map((image) => lab.read(`${image}.layers`));
    const label = (image: string): unknown => (lab.read(`${image}.config.Labels`) as Record<string, unknown>)[revision];
    const revision = "net.m1k1o.neko.trust.flake-revision";
    const first = lab.git("rev-parse", "HEAD").trim();
    for (const image of images) assert.equal(label(image), first);
    lab.git("commit", "--quiet", "--allow-empty", "--message", "nothing of the image");
    const second = lab.git("rev-parse", "HEAD").trim();
    assert.notEqual(second, first);
    for (const [position, image] of images.entries()) {
      assert.equal(label(image), second);
      assert.notEqual(lab.read(`${image}.drvPath`), built[position]);
      assert.deepEqual(lab.read(`${image}.layers`), layers[position]);
    }
    // No commit holds this tree: there is none to name.
    appendFileSync(join(lab.flake, "README.md"), "changed\n");
    for (const image of images) assert.equal(label(image), undefined);
  },
);

test("without flake.lock Nix asks for the inputs' newest versions, and offline refuses", { skip }, () => {
  const lab = newLab((flake) => {
    rmSync(join(flake, "flake.lock"));
  });
  const { code, stderr } = lab.nix([
    "eval",
    "--offline",
    "--no-update-lock-file",
    `git+file://${lab.flake}#lib.release`,
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /requires lock file changes but they're not allowed|unable to download|cannot update unlocked/);
});

test("a lock with another revision of Neko is refused: its version is not known, nor its hashes", { skip }, () => {
  const lab = newLab((flake) => {
    const file = join(flake, "nix/lib/version.nix");
    writeFileSync(file, readFileSync(file, "utf8").replace(nekoRevision, "0".repeat(40)));
  });
  assert.throws(
    () => lab.evaluate("lib.release"),
    new RegExp(`flake\\.lock has neko at ${nekoRevision}, and nix/lib/version\\.nix describes 0{40}: give it the tag`),
  );
});

test("an input without a revision is refused: nothing could be traced to it", { skip }, () => {
  const lab = newLab();
  const options = lab.standIns.map((option) => option.replace(/\?rev=.*$/, ""));
  const { code, stderr } = lab.nix([
    ...["eval", "--offline", "--no-write-lock-file", ...options],
    `git+file://${lab.flake}#lib.release`,
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /The input neko has no revision: lock it to a commit/);
});

test("an unsupported system has no output, and a signer's image is there for x86_64 alone", { skip }, () => {
  const lab = newLab();
  assert.throws(
    () => lab.evaluate("packages.riscv64-linux.image.name"),
    /does not provide attribute .*packages\.riscv64-linux\.image/,
  );
  assert.throws(
    () => lab.evaluate("packages.aarch64-linux.signer-image.name"),
    /does not provide attribute .*packages\.aarch64-linux\.signer-image/,
  );
});

test("Nix without flakes says which setting turns them on", { skip }, () => {
  const lab = newLab();
  const { code, stderr } = lab.nix(["--experimental-features", "nix-command", "eval", `git+file://${lab.flake}#lib`]);
  assert.equal(code, 1);
  assert.match(stderr, /experimental Nix feature 'flakes' is disabled/);
});

test("the client is not built without a sandbox, where its files would have other names", async (t) => {
  const nix = await nixLab(t);
  if (nix === undefined) return;
  const { preBuild } = newLab().evaluate("packages.x86_64-linux.nekoClient.recorded") as { preBuild: string };
  // As nixpkgs unpacks a source: one folder below that of the build.
  const build = `mkdir client\ncd client\n${preBuild}\necho built > $out`;
  const file = nix.write(
    "client.nix",
    `let ${nixFunctions} in { client = make "neko-client" {} (builtins.readFile ${nix.write("build.sh", build)}); }`,
  );
  await nix.nix.build(nix.attribute(file, "client"));
  // A store in another place than /nix is always sandboxed: outside of one, the same text runs by itself.
  const environment = { PATH: process.env["PATH"] ?? "", out: join(nix.folder, "out") };
  const { status, stderr } = spawnSync("sh", ["-e", join(nix.folder, "build.sh")], {
    cwd: nix.folder,
    encoding: "utf8",
    env: environment,
  });
  assert.equal(status, 1);
  assert.match(stderr, /^neko-client is built in \/.+\/client, outside of Nix's sandbox, .+: set sandbox = true\n$/);
  assert.equal(existsSync(environment.out), false);
});
