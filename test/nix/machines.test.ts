import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { measurementModels } from "../../src/core/tdx/measure/models.ts";
import { checkout, flakeLab, nekoTime, nixAbsent } from "../support/flake-lab.ts";
import { nixFunctions, nixLab } from "../support/nix-lab.ts";

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
  const { systemd, ...values } = machine(signerPath, ["systemd.coredump.enable"]);
  const service = systemd.services["neko-trust-signer"] as { serviceConfig: Record<string, unknown> };
  const { ExecStart, NoNewPrivileges, ProtectSystem, Restart } = service.serviceConfig;
  assert.match(
    String(ExecStart),
    /^\/nix\/store\/[0-9a-z]{32}-neko-trust-signer-[0-9.]+\/bin\/neko-trust attested-key watch --policy \/etc\/neko-trust\/policy\.yaml --trusted-root \/etc\/neko-trust\/trusted_root\.json --metadata$/,
  );
  assert.deepEqual([NoNewPrivileges, ProtectSystem, Restart], [true, "strict", "always"]);
  // What a core would have: the credential and the key.
  assert.deepEqual([service.serviceConfig["LimitCORE"], values["systemd.coredump.enable"]], [0, false]);
  const etc = lab?.evaluate(
    signerPath,
    "m: builtins.mapAttrs (_: f: toString (f.source or null)) m.config.environment.etc",
  );
  const { "neko-trust/policy.yaml": policy, "neko-trust/trusted_root.json": root } = etc as Record<string, string>;
  assert.match(policy ?? "", /-signer-policy\.yaml$/);
  assert.match(root ?? "", /\/stacks\/roots\/sigstore-public-good\.json$/);
});

test(
  "the signer's root is the one that its policy's stack names, and the policy is not built with another pin",
  { skip },
  () => {
    const sources = 'm: toString m.config.environment.etc."neko-trust/trusted_root.json".source';
    const file = "stacks/Pulumi.production.yaml";
    const line = /^ {2}neko-trust:trustedRoot: .+$/m;
    const other = flakeLab((flake) => {
      writeFileSync(join(flake, "stacks/roots/own.json"), "{}");
      const text = readFileSync(join(flake, file), "utf8");
      writeFileSync(join(flake, file), text.replace(line, "  neko-trust:trustedRoot: stacks/roots/own.json"));
    });
    try {
      assert.match(String(other.evaluate(signerPath, sources)), /\/stacks\/roots\/own\.json$/);
      const { script } = other.evaluate("packages.x86_64-linux.signer-image.policy.recorded") as { script: string };
      assert.ok(script.includes(`if [ "$pinned" != ${sha256Hex(Buffer.from("{}"))} ]; then`), script);
      const text = readFileSync(join(other.flake, file), "utf8");
      for (const written of [
        "../own.json",
        "/etc/passwd",
        "stacks/../own.json",
        '"stacks/roots/own.json"',
        "a\n  neko-trust:trustedRoot: b",
      ]) {
        writeFileSync(join(other.flake, file), text.replace(line, `  neko-trust:trustedRoot: ${written}`));
        assert.throws(
          () => other.evaluate(signerPath, sources),
          /must have one line "  neko-trust:trustedRoot: "/,
          written,
        );
      }
    } finally {
      other.remove();
    }
  },
);

test("the signer starts when authenticated servers have set the clock, and no other server is asked", { skip }, () => {
  const { systemd, ...values } = machine(signerPath, ["services.chrony", "services.timesyncd.enable"]);
  assert.equal(values["services.timesyncd.enable"], false);
  const chrony = values["services.chrony"] as Readonly<Record<string, unknown>>;
  assert.equal(chrony["enableNTS"], true);
  assert.equal((chrony["servers"] as string[]).length, 3);
  // NixOS's default step at boot is by the same servers, unauthenticated.
  assert.deepEqual(chrony["initstepslew"], { enabled: false });
  assert.equal(chrony["extraConfig"], "makestep 1 3\nauthselectmode require\n");
  const wait = systemd.services["chrony-wait"] as { before: string[]; serviceConfig: Record<string, unknown> };
  assert.match(
    String(wait.serviceConfig["ExecStart"]),
    /^\/nix\/store\/[0-9a-z]{32}-chrony\/bin\/chronyc waitsync 0 0\.1 0 1$/,
  );
  assert.equal(wait.serviceConfig["TimeoutStartSec"], "infinity");
  const { requires, after } = systemd.services["neko-trust-signer"] as { requires: string[]; after: string[] };
  assert.deepEqual(requires, ["chrony-wait.service"]);
  assert.ok(after.includes("chrony-wait.service"));
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
    // What that does is seen in gce-disk.test.ts.
    assert.match(disk.script, /^bash \/nix\/store\/[0-9a-z]{32}-[^ ]*\/disk-tar\.sh "\$raw" "\$out" "\$epoch"\n$/);
    const flags = lab?.evaluate("packages.x86_64-linux.signer-disk.rawDisk.recorded.systemdRepartFlags");
    assert.deepEqual(flags, ["--dry-run=no", "--size=4G"]);
    const image = lab?.evaluate("packages.x86_64-linux.signer-image.recorded") as { script: string; disk: string };
    assert.equal(image.disk, "<neko-trust-signer-disk-3.1.6>");
    assert.match(image.script, /layer-layout\.sh "\$out" "\$disk\/disk\.tar\.gz" amd64/);
  },
);

test(
  "a raw disk has the fixed size that is asked for, and nixpkgs building it by another flag is refused",
  { skip },
  () => {
    for (const system of ["x86_64-linux", "aarch64-linux"]) {
      const flags = lab?.evaluate(`packages.${system}.runner-image.rawDisk.recorded.systemdRepartFlags`);
      assert.deepEqual(flags, ["--dry-run=no", "--size=16G"]);
    }
    for (const flags of ["[ ]", '[ "--dry-run=no" ]', '[ "--size=2G" ]', '[ "--size=auto" "--size=auto" ]']) {
      const expression = `import ${checkout}/nix/lib/disk-size.nix "4G" ${flags}`;
      const options = ["--eval", "--strict", "--store", "dummy://", "--expr", expression];
      const { status, stderr } = spawnSync("nix-instantiate", options, { encoding: "utf8" });
      assert.equal(status, 1);
      assert.match(stderr, /nixpkgs' image is not built with --size=auto any more, but with \[/);
    }
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
  // Whether it applies is only seen on systemd's sources: its five places were found in those of 2026, and four of them in 257.13.
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
    // Where the build checks the rules, these two have no names.
    assert.match(tables.metadata.content, /meta skuid \{ 153, 152 \} udp dport \{ 53, 67 \} accept/);
    assert.match(tables.metadata.content, /meta skuid 153 tcp dport 53 accept/);
    assert.equal(values["services.openssh.enable"], false);
    assert.equal(values["security.sudo.enable"], false);
    const runner = systemd.services["neko-runner"] as { script: string; requires: string[]; serviceConfig: object };
    assert.deepEqual(runner.requires, ["nftables.service"]);
    assert.match(runner.script, /export ACTIONS_RUNNER_INPUT_JITCONFIG/);
    assert.match(runner.script, /exec setpriv --reuid=runner --regid=runner --init-groups --no-new-privs/);
    assert.match(JSON.stringify(runner.serviceConfig), /systemctl poweroff/);
    // Sockets are opened before services start: a service that waits for others by default would wait for itself.
    const register = systemd.services["register-nix-paths"] as {
      unitConfig: object;
      before: string[];
      wantedBy: string[];
    };
    assert.deepEqual(register.unitConfig, {
      ConditionPathExists: "/nix-path-registration",
      DefaultDependencies: false,
    });
    assert.ok(register.before.includes("nix-daemon.socket") && register.before.includes("sysinit.target"));
    assert.deepEqual(register.wantedBy, ["sysinit.target"]);
  },
);

test("a runner's program has the one Node that is maintained, and is built in a sandbox", { skip }, () => {
  const apply = "m: builtins.attrNames (builtins.getContext m.config.systemd.services.neko-runner.script)";
  const derivations = lab?.evaluate("packages.x86_64-linux.runner-image.machine", apply) as string[];
  const [runner = ""] = derivations.filter((path) => path.endsWith("-github-runner.drv"));
  const shown = lab?.nix(["show-derivation", runner]);
  assert.equal(shown?.code, 0, shown?.stderr);
  const { args } = (JSON.parse(shown.stdout) as Record<string, { args: string[] }>)[runner] ?? { args: [] };
  const given = JSON.parse(args[0] ?? "") as Readonly<Record<string, unknown>>;
  assert.deepEqual(given["nodeRuntimes"], ["node24"]);
  // nixpkgs leaves out what is null.
  assert.equal(given["__noChroot"], null);
});

test("Nix builds in a sandbox what asks for none by null, and refuses what asks for none", async (t) => {
  const nix = await nixLab(t);
  if (nix === undefined) return;
  // As nixpkgs makes a derivation: `__ignoreNulls`.
  const asking = (value: string): string =>
    `make "asks" { __ignoreNulls = true; __noChroot = ${value}; } "echo > $out"`;
  const file = nix.write("asks.nix", `let ${nixFunctions} in { null = ${asking("null")}; yes = ${asking("true")}; }`);
  await nix.nix.build(nix.attribute(file, "null"));
  await assert.rejects(nix.nix.build(nix.attribute(file, "yes")), (error) => {
    const { details } = error as { details: string[] };
    return details.some((line) => line.includes("has '__noChroot' set, but that's not allowed"));
  });
});
