import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { measurementModels } from "../../src/core/tdx/measure/models.ts";
import { checkout, flakeLab, nekoTime, nixAbsent } from "../support/flake-lab.ts";

/**
 * The signer's and the runner's machines: what their modules ask of NixOS. The stand-in merges modules without checking
 * options, so whether NixOS knows each option is only seen where there is nixpkgs.
 */

const skip = nixAbsent() ?? false;
const lab = skip === false ? flakeLab() : undefined;
after(() => lab?.remove());

interface Machine {
  readonly systemd: {
    readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly enableEmergencyMode: boolean;
  };
  readonly users: Readonly<Record<string, unknown>>;
  readonly [part: string]: unknown;
}

function machine(of: string, parts: readonly string[]): Machine {
  const wanted = parts.map((part) => `${JSON.stringify(part)} = c.${part} or null;`).join(" ");
  // Values are printed by the stand-in's own record: derivations by name.
  const apply = `m: let c = m.config; in { ${wanted} systemd = { inherit (c.systemd) enableEmergencyMode; services = c.systemd.services; }; users = builtins.removeAttrs c.users [ "users" ]; }`;
  return lab?.evaluate(of, apply) as Machine;
}

const signerPath = "packages.x86_64-linux.signer-image.machine";

test("nobody gets into the signer: no login, no shell, no SSH, no sudo, no emergency mode", { skip }, () => {
  const parts = ["services.openssh.enable", "security.sudo.enable", "boot.initrd.systemd.emergencyAccess"];
  const { systemd, users, stubImports, ...values } = machine(signerPath, [...parts, "stubImports", "nix.enable"]);
  assert.deepEqual(values, {
    "boot.initrd.systemd.emergencyAccess": false,
    "nix.enable": false,
    "security.sudo.enable": false,
    "services.openssh.enable": false,
  });
  assert.equal(systemd.enableEmergencyMode, false);
  assert.deepEqual(users, { allowNoPasswordLogin: true, mutableUsers: false });
  for (const getty of ["getty@", "serial-getty@", "autovt@"])
    assert.deepEqual(systemd.services[getty], { enable: false });
  assert.ok((stubImports as string[]).some((path) => path.endsWith("/profiles/bashless.nix")));
});

test("the signer runs one service, which signs under the measured policy and root", { skip }, () => {
  const { systemd } = machine(signerPath, []);
  const service = systemd.services["neko-trust-signer"] as { serviceConfig: Record<string, unknown> };
  const { ExecStart, NoNewPrivileges, ProtectSystem, Restart } = service.serviceConfig;
  assert.match(
    String(ExecStart),
    /^\/nix\/store\/[0-9a-z]{32}-neko-trust-signer-[0-9.]+\/bin\/neko-trust attested-key watch --policy \/etc\/neko-trust\/policy\.yaml --trusted-root \/etc\/neko-trust\/trusted_root\.json --metadata$/,
  );
  assert.deepEqual([NoNewPrivileges, ProtectSystem, Restart], [true, "strict", "always"]);
  const etc = lab?.evaluate(
    signerPath,
    "m: builtins.mapAttrs (_: f: toString (f.source or null)) m.config.environment.etc",
  );
  const { "neko-trust/policy.yaml": policy, "neko-trust/trusted_root.json": root } = etc as Record<string, string>;
  assert.match(policy ?? "", /-signer-policy\.yaml$/);
  assert.match(root ?? "", /\/stacks\/roots\/sigstore-public-good\.json$/);
});

test(
  "all that the signer boots is measured: dm-verity, a UKI, a closed stub, a fixed seed, no word of the host",
  { skip },
  () => {
    const parts = ["boot.kernelParams", "image.repart.seed", "image.repart.mkfsOptions", "image.repart.verityStore"];
    const found = machine(signerPath, [
      ...parts,
      "boot.uki.settings.UKI.Stub",
      "image.repart.partitions",
      "fileSystems",
    ]);
    const parameters = found["boot.kernelParams"] as string[];
    for (const each of ["systemd.verity_usr_options=panic-on-corruption", "systemd.gpt_auto=no"]) {
      assert.ok(parameters.includes(each), each);
    }
    assert.ok(parameters.includes("systemd.import_credentials=no"));
    assert.ok(!parameters.some((each) => each.startsWith("console=")));
    assert.equal(found["image.repart.seed"], "6e656b6f-7472-4573-b465-7369676e6572");
    assert.deepEqual((found["image.repart.mkfsOptions"] as { vfat: string[] }).vfat, ["-i 6e656b6f", "--invariant"]);
    assert.match(
      String(found["boot.uki.settings.UKI.Stub"]),
      /-systemd\/lib\/systemd\/boot\/efi\/linuxx64\.efi\.stub$/,
    );
    const verity = found["image.repart.verityStore"] as { enable: boolean; ukiPath: string };
    assert.deepEqual([verity.enable, verity.ukiPath], [true, "/EFI/BOOT/BOOTX64.EFI"]);
    const mounts = found["fileSystems"] as Record<string, { fsType?: string; options: string[] }>;
    assert.equal(mounts["/"]?.fsType, "tmpfs");
    assert.ok(mounts["/usr"]?.options.includes("ro"));
  },
);

test(
  "the signer's disk is what Compute Engine takes, of a size that its table knows, and the release's layer",
  { skip },
  () => {
    const disk = lab?.evaluate("packages.x86_64-linux.signer-disk.recorded") as { script: string; epoch: string };
    assert.equal(disk.epoch, `${nekoTime}`);
    assert.match(disk.script, /--format=oldgnu --owner=0 --group=0 --numeric-owner --mode=0644/);
    assert.match(disk.script, /gzip --no-name -6/);
    const flags = lab?.evaluate(signerPath, "m: m.config.system.build.finalImage.recorded.systemdRepartFlags");
    assert.deepEqual(flags, ["--dry-run=no", "--size=auto"]);
    const image = lab?.evaluate("packages.x86_64-linux.signer-image.recorded") as { script: string; disk: string };
    assert.equal(image.disk, "<neko-trust-signer-disk-3.1.6>");
    assert.match(image.script, /layer-layout\.sh "\$out" "\$disk\/disk\.tar\.gz" amd64/);
  },
);

test(
  "the signer's model of measurement is that of the systemd that nixpkgs has, on a machine with a vTPM",
  { skip },
  () => {
    const model = lab?.evaluate("packages.x86_64-linux.signer-image.measurementModel");
    // The stand-in's systemd is 260.1.
    assert.equal(model, "systemd-stub-258-vtpm");
    assert.ok(measurementModels.some((known) => known === model));
  },
);

test("the patch of the stub is whole, and closes each of its five ways in", () => {
  const file = join(checkout, "nix/patches/systemd-stub-closed.patch");
  // Whether it applies is only seen on systemd's sources: four of its hunks were, on 257.13; the fifth's function is newer.
  const counted = execFileSync("git", ["apply", "--numstat", file], { encoding: "utf8" });
  assert.equal(counted, "15\t0\tsrc/boot/stub.c\n");
  const added = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("+        ") && !line.includes("/*"));
  assert.deepEqual(
    added.map((line) => line.slice(1).trim()),
    ["goto nothing;", "return;", "return;", "return;", "return;"],
  );
});

test(
  "a runner builds in a sandbox or not at all, keeps the metadata server from jobs, and ends after one",
  { skip },
  () => {
    const path = "packages.x86_64-linux.runner-image.machine";
    const parts = ["nix.settings", "networking.nftables", "services.openssh.enable", "security.sudo.enable"];
    const { systemd, ...values } = machine(path, parts);
    const settings = values["nix.settings"] as Record<string, unknown>;
    assert.equal(settings["sandbox"], true);
    assert.equal(settings["sandbox-fallback"], false);
    assert.deepEqual(settings["trusted-users"], ["root"]);
    assert.deepEqual(settings["substituters"], ["https://cache.nixos.org"]);
    const { tables } = values["networking.nftables"] as { tables: { metadata: { content: string } } };
    assert.match(tables.metadata.content, /ip daddr 169\.254\.169\.254 meta skuid != 0 drop/);
    assert.equal(values["services.openssh.enable"], false);
    assert.equal(values["security.sudo.enable"], false);
    const runner = systemd.services["neko-runner"] as { script: string; requires: string[]; serviceConfig: object };
    assert.deepEqual(runner.requires, ["nftables.service"]);
    assert.match(runner.script, /export ACTIONS_RUNNER_INPUT_JITCONFIG/);
    assert.match(runner.script, /exec setpriv --reuid=runner --regid=runner --init-groups --no-new-privs/);
    assert.match(JSON.stringify(runner.serviceConfig), /systemctl poweroff/);
  },
);
