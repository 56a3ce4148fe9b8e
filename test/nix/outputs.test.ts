import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { NpmDepsRecord } from "../../dev/npm-deps-hash.ts";
import { checkout, flakeLab, nekoRevision, nekoTime, nixAbsent } from "../support/flake-lab.ts";

/**
 * Every output of the flake, for both systems, evaluated by Nix against the stand-ins. Nix 2.8 evaluates all of it, with two
 * limits: the stand-in has its own lib.fileset (nixpkgs' needs builtins of Nix 2.14), and NixOS's modules are only merged,
 * without the types of their options.
 */

const skip = nixAbsent() ?? false;
const lab = skip === false ? flakeLab() : undefined;
after(() => lab?.remove());

/** As the lab's; only called where there is Nix. */
function evaluate(output: string, apply?: string): unknown {
  return lab?.evaluate(output, apply);
}

const systems = { "x86_64-linux": "amd64", "aarch64-linux": "arm64" } as const;
const described = `p: builtins.mapAttrs (_: builtins.mapAttrs (_: d: {
  inherit (d) name system drvPath;
  recorded = d.recorded or null;
})) p`;

interface Described {
  readonly name: string;
  readonly system: string;
  readonly drvPath: string;
  readonly recorded: Readonly<Record<string, unknown>> | null;
}
type BySystem<T> = Readonly<Record<keyof typeof systems, Readonly<Record<string, T>>>>;

const both = ["default", "firefox-image", "firefox-image-index", "image", "image-index", "neko-trust", "nekoClient"];
const more = ["nekoPlugins", "nekoServer", "runner-image", "runtime", "sbom", "xorgDeps"];

test("has every package for both systems, and what TDX needs for the one that has it", { skip }, () => {
  const packages = evaluate("packages", described) as BySystem<Described>;
  const signer = ["signer-disk", "signer-image", "signer-uki"];
  assert.deepEqual(Object.keys(packages["aarch64-linux"]), [...both, ...more].sort());
  assert.deepEqual(Object.keys(packages["x86_64-linux"]), [...both, ...more, ...signer].sort());
  for (const system of Object.keys(systems) as (keyof typeof systems)[]) {
    for (const [name, { system: built, drvPath }] of Object.entries(packages[system])) {
      assert.equal(built, system, name);
      assert.match(drvPath, /^\/nix\/store\/[0-9a-z]{32}-.+\.drv$/);
    }
    assert.equal(packages[system]["default"]?.drvPath, packages[system]["image"]?.drvPath);
  }

  const { nekoServer, nekoClient, xorgDeps, image, sbom } = packages["x86_64-linux"];
  const server = nekoServer?.recorded ?? {};
  assert.equal(server["builder"], "buildGoModule");
  assert.equal(server["vendorHash"], "sha256-LjCVw5dgfesyTUnPS77RO0m2Qk4ahJasmNOHmFQkVKE=");
  assert.deepEqual(server["subPackages"], ["cmd/neko"]);
  const variable = "-X github.com/m1k1o/neko/server";
  assert.deepEqual(server["ldflags"], [
    ...["-s", "-w", `${variable}.buildDate=2026-08-15T13:36:06Z`, `${variable}.gitBranch=`],
    ...[`${variable}.gitCommit=${nekoRevision}`, `${variable}.gitTag=v3.1.5-8-gbaf21c1d`],
  ]);
  assert.deepEqual(server["env"], { CGO_ENABLED: 1, SOURCE_DATE_EPOCH: `${nekoTime}` });
  assert.match(String(server["installCheckPhase"]), /neko" plugins "\$plugins\/"/);
  const client = nekoClient?.recorded ?? {};
  assert.equal(client["builder"], "buildNpmPackage");
  assert.equal(client["npmDepsHash"], "sha256-L8/ToH05+mIAS9+cTMQ3tWMDkyJ/4LeiAU1ywbie9a4=");
  assert.equal(client["dontNpmInstall"], true);
  assert.deepEqual(xorgDeps?.recorded?.["paths"], ["<xf86-video-dummy-neko-0.3.8>", "<xf86-input-neko-0.0.1>"]);
  assert.equal(image?.recorded?.["compressionLevel"], "6");
  assert.deepEqual(sbom?.recorded?.["exportReferencesGraph"], { closure: [`<${image.name}>`] });
});

test("builds the drivers as C17, with the patch of upstream", { skip }, () => {
  const dummy = evaluate("packages.x86_64-linux.xorgDeps.dummy.recorded") as Readonly<Record<string, unknown>>;
  assert.deepEqual(dummy["env"], { NIX_CFLAGS_COMPILE: "-std=gnu17", SOURCE_DATE_EPOCH: `${nekoTime}` });
  assert.deepEqual(dummy["hardeningDisable"], ["bindnow", "relro"]);
  assert.match(String(dummy["src"]), /\/utils\/xorg-deps\/xf86-video-dummy\/v0\.3\.8$/);
  assert.match(String(dummy["patches"]), /\/01_v0\.3\.8_xdummy-randr\.patch$/);
});

test(
  "gives the image upstream's command, environment, port, users and labels, and layers from what changes least",
  { skip },
  () => {
    for (const [system, architecture] of Object.entries(systems)) {
      const config = evaluate(`packages.${system}.image.config`) as {
        Cmd: string[];
        Env: string[];
        ExposedPorts: object;
        Labels: Record<string, string>;
      };
      assert.deepEqual(config.Cmd, ["/usr/bin/supervisord", "-c", "/etc/neko/supervisord.conf"]);
      assert.deepEqual(config.ExposedPorts, { "8080/tcp": {} });
      const { GST_PLUGIN_SYSTEM_PATH_1_0: plugins = "", ...environment } = Object.fromEntries(
        config.Env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      );
      assert.equal(plugins.split(":").length, 6);
      assert.deepEqual(environment, {
        DISPLAY: ":99.0",
        FONTCONFIG_FILE: "/etc/fonts/fonts.conf",
        NEKO_PLUGINS_DIR: "/etc/neko/plugins/",
        NEKO_PLUGINS_ENABLED: "true",
        NEKO_SERVER_BIND: ":8080",
        PATH: "/usr/local/bin:/usr/bin:/bin",
        PULSE_SERVER: "unix:/tmp/pulseaudio.socket",
        SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
        USER: "neko",
        XDG_RUNTIME_DIR: "/tmp/runtime-neko",
      });
      const { "net.m1k1o.neko.trust.roots": roots = "", ...labels } = config.Labels;
      // Nix finds the closure by this label: the layers are compressed.
      assert.match(roots, /^(\/nix\/store\/[0-9a-z]{32}-neko-[a-z-]*[0-9.]+-8-gbaf21c1d ?){4}$/);
      assert.deepEqual(labels, {
        "net.m1k1o.neko.api-version": "3",
        "org.opencontainers.image.created": "2026-08-15T13:36:06Z",
        "org.opencontainers.image.description": "Server of Neko, a virtual browser that runs in a container",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.revision": nekoRevision,
        "org.opencontainers.image.source": "https://github.com/m1k1o/neko",
        "org.opencontainers.image.title": "neko",
        "org.opencontainers.image.version": "3.1.6-dirty",
      });
      const built = evaluate(`packages.${system}.image.description.recorded`) as {
        arguments: { arch: string; created: string; layers: string[]; copyToRoot: string[]; perms: Permission[] };
      };
      const { arch, created, layers, copyToRoot, perms } = built.arguments;
      assert.equal(arch, architecture);
      assert.equal(created, "2026-08-15T13:36:06Z");
      assert.deepEqual(layers, ["<layer-fonts>", "<layer-packages>", "<layer-drivers>", "<layer-server>"]);
      assert.deepEqual(copyToRoot, ["<neko-runtime-3.1.5-8-gbaf21c1d>"]);
      requirePermissions(perms);
    }
  },
);

interface Permission {
  readonly path: string;
  readonly regex: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** As nix2container applies them: a path's last match counts, and what that leaves out is root's again. */
function requirePermissions(perms: readonly Permission[]): void {
  const store = /^\^(\/nix\/store\/[^/]+)/.exec(perms[0]?.regex ?? "")?.[1] ?? "";
  const of = (path: string): readonly unknown[] => {
    const matching = perms.filter(({ regex }) => new RegExp(regex).test(`${store}${path}`));
    assert.ok(matching.length <= 1, `${path} matches ${matching.length}`);
    return [matching[0]?.mode, matching[0]?.uid ?? 0, matching[0]?.gid ?? 0];
  };
  for (const path of ["/home/neko", "/home/neko/.config/pulse", "/home/neko/.local/share/xorg", "/home/neko/.icons"]) {
    assert.deepEqual(of(path), ["0755", 1000, 1000], path);
  }
  assert.deepEqual(of("/home/neko/.Xresources"), [undefined, 1000, 1000]);
  assert.deepEqual(of("/home/neko/.icons/default/cursors/x"), [undefined, 1000, 1000]);
  assert.deepEqual(of("/tmp"), ["1777", 0, 0]);
  assert.deepEqual(of("/tmp/.X11-unix"), ["1777", 1000, 0]);
  assert.deepEqual(of("/tmp/runtime-neko"), ["0700", 1000, 0]);
  assert.deepEqual(of("/var/log/neko"), ["1777", 1000, 0]);
  for (const path of ["/home", "/etc/passwd", "/usr/bin/neko", "/home/nekoo"]) {
    assert.deepEqual(of(path), [undefined, 0, 0], path);
  }
}

test("gives the runtime upstream's users and groups", { skip }, () => {
  const runtime = evaluate("packages.x86_64-linux.runtime", "r: { inherit (r) users groups; }") as {
    users: Record<string, { id: number; home: string; shell: string }>;
    groups: Record<string, { id: number; members: string[] }>;
  };
  assert.deepEqual(runtime.users["neko"], { id: 1000, home: "/home/neko", shell: "/bin/bash" });
  const groupsOfNeko = Object.entries(runtime.groups).filter(([, { members }]) => members.includes("neko"));
  assert.deepEqual(
    groupsOfNeko.map(([name, { id }]) => [name, id]),
    [
      ["audio", 29],
      ["pulse", 101],
      ["video", 44],
    ],
  );
  assert.equal(runtime.groups["neko"]?.id, 1000);
});

test(
  "has apps for this project's commands, checks, a shell and a formatter, and the facts of a release",
  { skip },
  () => {
    const names = "p: builtins.mapAttrs (_: s: builtins.attrNames s) p";
    const apps = ["attest-image", "default", "publish-manifest", "rebuild", "repro-check"];
    const checks = ["client", "dead-code", "drivers", "firefox", "firefox-image", "format", "image", "neko-trust"];
    for (const [output, expected] of [
      ["apps", [...apps, "sbom", "sbomnix", "sign-image", "verify-image"]],
      ["checks", [...checks, "plugins", "runtime", "sbom", "server"]],
      ["devShells", ["default"]],
    ] as const) {
      const found = evaluate(output, names) as Readonly<Record<string, string[]>>;
      assert.deepEqual(found, { "aarch64-linux": expected, "x86_64-linux": expected });
    }
    assert.deepEqual(evaluate("formatter", "f: builtins.mapAttrs (_: d: d.name) f"), {
      "aarch64-linux": "nixfmt-tree",
      "x86_64-linux": "nixfmt-tree",
    });
    assert.deepEqual(evaluate("nixosModules", "builtins.attrNames"), ["runner", "signer"]);
    const release = evaluate("lib.release") as { source: { narHash: string } };
    assert.match(release.source.narHash, /^sha256-[A-Za-z0-9+/]{43}=$/);
    assert.deepEqual(release, {
      version: "3.1.6-dirty",
      sourceDateEpoch: nekoTime,
      source: {
        repository: "https://github.com/m1k1o/neko",
        commit: nekoRevision,
        narHash: release.source.narHash,
      },
    });
  },
);

test(
  "builds neko-trust from what it is made of alone, with the recorded hash; the signer's program leaves out the lab",
  { skip },
  () => {
    const { npmDepsHash } = JSON.parse(readFileSync(join(checkout, "nix/npm/deps.json"), "utf8")) as NpmDepsRecord;
    const of = (path: string): Readonly<Record<string, unknown>> =>
      evaluate(`packages.x86_64-linux.neko-trust.${path}recorded`) as Readonly<Record<string, unknown>>;
    const [own, bundled] = [of(""), of("bundle.bundled.")];
    for (const each of [own, bundled]) {
      assert.equal(each["npmDepsHash"], npmDepsHash);
      assert.match(String(each["postPatch"]), /-resolve-lock\.mjs package-lock\.json$/);
      const { source } = each["src"] as { source: string[] };
      const names = source.map((path) => path.replace(/^.*\/nix\/store\/[^/]+\//, ""));
      const files = ["LICENSE", "README.md", "package-lock.json", "package.json", "tsconfig.json", "index.ts"];
      const folders = ["bin", "components", "dev", "lab", "schemas", "src", "stacks/roots"];
      assert.deepEqual(names.sort(), [...files, ...folders].sort());
    }
    assert.match(String(bundled["buildPhase"]), /'--external:\*\/lab\/lab\.ts'/);
  },
);

test("the shell has what the project's commands, checks and tests call, and a C compiler", { skip }, () => {
  const shell = evaluate("devShells.x86_64-linux.default.recorded") as { builder: string; packages: string[] };
  assert.equal(shell.builder, "mkShell");
  const called = ["actionlint", "cargo", "cosign", "curl", "deadnix", "diffoscope", "gh", "git", "gnumake", "go"];
  const more = [
    "google-cloud-sdk",
    "jq",
    "kubectl",
    "nix",
    "nixfmt",
    "nodejs_24",
    "openssl",
    "osslsigncode",
    "pulumi",
    "python3",
  ];
  for (const each of [...called, ...more, "rustc", "sbomnix", "shellcheck", "skopeo", "zizmor"]) {
    assert.ok(shell.packages.includes(`<${each}>`), each);
  }
});

test("nix flake check evaluates all of it", { skip }, () => {
  const options = ["--no-build", "--offline", "--no-write-lock-file", ...(lab?.standIns ?? [])];
  const checked = lab?.nix(["flake", "check", ...options, `git+file://${lab.flake}`]);
  assert.equal(checked?.code, 0, checked?.stderr);
});
