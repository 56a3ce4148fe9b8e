import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openImageLayout } from "../../src/adapters/oci-layout/open-image-layout.ts";
import { removeTree } from "../../src/adapters/trees/remove-tree.ts";
import { sriOfHex, nixBase32OfSri } from "../../src/core/nix/hash-formats.ts";
import { closureFromSpdx } from "../../src/core/nix/sbom-closure.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { buildImage, buildIndex, buildLayer } from "../../src/core/oci/layout-builder.ts";
import type { BuiltLayer } from "../../src/core/oci/layout-builder.ts";
import { imageLayout, releaseLayout } from "../../src/core/oci/layout-files.ts";
import type { LayoutFiles } from "../../src/core/oci/layout-files.ts";
import { checkout } from "../support/flake-lab.ts";
import { tinyImage } from "../support/nix-lab.ts";
import { pythonTools } from "../support/python-tools.ts";

/** The scripts that the flake's derivations run, on this machine: what they write is what the TypeScript writes. */

const absent = ["bash", "jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const skip = absent.length === 0 ? false : `${absent.join(" and ")} must be on PATH`;
const folder = mkdtempSync(join(tmpdir(), "neko-oci-scripts-"));
after(() => {
  removeTree(folder);
});

function write(name: string, files: LayoutFiles): string {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), bytes);
  }
  return join(folder, name);
}

function read(name: string): Map<string, string> {
  const entries = readdirSync(join(folder, name), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.sort().map((path) => [path.slice(join(folder, name).length + 1), sha256Hex(readFileSync(path))]),
  );
}

const hashed = (files: LayoutFiles): Map<string, string> =>
  new Map([...files].map(([path, bytes]) => [path, sha256Hex(bytes)]));

function script(name: string, ...args: string[]): { code: number | null; stderr: string } {
  const { status, stderr } = spawnSync("bash", [join(checkout, "nix/oci", name), ...args], { encoding: "utf8" });
  return { code: status, stderr };
}

test("join-layouts.sh writes the index that publish-manifest makes, in any order of the platforms", { skip }, () => {
  const images = [tinyImage("a"), tinyImage("b", "arm64")];
  const [amd64, arm64] = images.map((image, position) => write(`platform-${position}`, imageLayout(image)));
  const expected = hashed(releaseLayout(buildIndex(images)));
  for (const [name, layouts] of [
    ["joined", [amd64 ?? "", arm64 ?? ""]],
    ["turned", [arm64 ?? "", amd64 ?? ""]],
  ] as const) {
    const { code, stderr } = script("join-layouts.sh", join(folder, name), ...layouts);
    assert.equal(code, 0, stderr);
    assert.deepEqual(read(name), expected);
  }
  const twice = script("join-layouts.sh", join(folder, "twice"), amd64 ?? "", amd64 ?? "");
  assert.notEqual(twice.code, 0);
  assert.match(twice.stderr, /two images for one platform/);
});

test("layer-layout.sh makes an image of a compressed tar: its layer is the file, byte for byte", { skip }, async () => {
  const disk = gzipSync(Buffer.alloc(10_240, "disk"));
  writeFileSync(join(folder, "disk.tar.gz"), disk);
  const labels = { "org.opencontainers.image.title": "neko-trust-signer", "org.opencontainers.image.revision": null };
  const args = [join(folder, "disk.tar.gz"), "amd64", "2026-08-15T13:36:06Z", JSON.stringify(labels)];
  const { code, stderr } = script("layer-layout.sh", join(folder, "signer"), ...args);
  assert.equal(code, 0, stderr);
  const layout = await openImageLayout(join(folder, "signer"), "signer");
  assert.equal(layout.recomputable, true);
  assert.deepEqual(layout.platform, { os: "linux", architecture: "amd64" });
  const [config, layer] = layout.blobs;
  assert.equal(layer?.digest, `sha256:${sha256Hex(disk)}`);
  const text = new TextDecoder().decode(layout.read(config ?? layout.manifest));
  assert.deepEqual(JSON.parse(text), {
    architecture: "amd64",
    config: { Labels: { "org.opencontainers.image.title": "neko-trust-signer" } },
    created: "2026-08-15T13:36:06Z",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256Hex(Buffer.alloc(10_240, "disk"))}`] },
  });
});

test("check-shared.sh tells an image on top of another one from the image itself and from a stranger", { skip }, () => {
  const layer = (text: string): BuiltLayer =>
    buildLayer([{ kind: "file", path: "etc/text", bytes: Buffer.from(text) }], { sourceDateEpoch: 1_700_000_000 });
  const layout = (name: string, ...texts: string[]): string => {
    const options = { platform: { os: "linux", architecture: "amd64" }, sourceDateEpoch: 1_700_000_000, labels: {} };
    return write(name, imageLayout(buildImage(texts.map(layer), options)));
  };
  const base = layout("base", "fonts", "server");
  const above = script("check-shared.sh", layout("above", "fonts", "server", "firefox"), base);
  assert.equal(above.code, 0, above.stderr);
  for (const [name, ...texts] of [
    ["same", "fonts", "server"],
    ["below", "fonts"],
    ["changed", "fonts", "other", "firefox"],
    ["turned", "server", "fonts", "firefox"],
  ] as const) {
    const { code, stderr } = script("check-shared.sh", layout(name, ...texts), base);
    assert.equal(code, 1, name);
    assert.match(stderr, /does not start with the base image's layers/, name);
  }
  const absentBase = script("check-shared.sh", join(folder, "above"), join(folder, "nowhere"));
  assert.notEqual(absentBase.code, 0);
});

/** A configuration as upstream's are written, without one line or with others. */
const configuration = (change: (text: string) => string = (text) => text): string =>
  change(`; a comment with %(ENV_NOBODY)s
[supervisord]
user=root

[program:browser]
environment=HOME="/home/%(ENV_USER)s"
command=/usr/bin/browser --display=%(ENV_DISPLAY)s
user=%(ENV_USER)s

[program:manager]
command=/usr/bin/manager
user=neko
`);

test(
  "check-supervisor.sh refuses programs that are absent or would run as root, and variables that are not set",
  { skip },
  () => {
    for (const [rootName, program] of [
      ["app", "browser"],
      ["runtime", "manager"],
    ] as const) {
      mkdirSync(join(folder, rootName, "usr/bin"), { recursive: true });
      writeFileSync(join(folder, rootName, "usr/bin", program), "", { mode: 0o755 });
    }
    const check = (text: string, variables = "DISPLAY USER"): { code: number | null; stderr: string } => {
      writeFileSync(join(folder, "app.conf"), text);
      const roots = [join(folder, "app"), join(folder, "runtime")];
      return script("../check-supervisor.sh", join(folder, "app.conf"), variables, ...roots);
    };
    const good = check(configuration());
    assert.equal(good.code, 0, good.stderr);
    const without = (line: string): string => configuration((text) => text.replace(line, ""));
    for (const [text, variables, message] of [
      [configuration(), "DISPLAY", /the image does not set USER/],
      [configuration(), "DISPLAY USERS", /the image does not set USER/],
      [configuration((text) => text.replace("bin/manager", "bin/absent")), undefined, /has no \/usr\/bin\/absent/],
      [without("user=neko"), undefined, /the program manager names no user/],
      [without("user=%(ENV_USER)s"), undefined, /the program browser names no user/],
      [without("command=/usr/bin/manager"), undefined, /the program manager has no command/],
      ["[supervisord]\nuser=root\n", undefined, /has no program/],
    ] as const) {
      const { code, stderr } = check(text, variables);
      assert.equal(code, 1, String(message));
      assert.match(stderr, message);
    }
  },
);

const path = (letter: string, name: string): string => `/nix/store/${letter.repeat(32)}-${name}`;
const hashOf = (text: string): string => sriOfHex(sha256Hex(text));
const root = path("a", "neko-image-3.1.5");
const library = path("b", "gst-plugins-base-1.26.0");
const plain = path("c", "source");
const objects = [
  { path: root, references: [root, library] },
  { path: library, references: [plain] },
  { path: plain, references: [] },
];

/** Each form that some Nix writes, of the same closure. */
const forms = {
  "a list with SRI hashes (path-info to 2.18)": objects.map((each) => ({ ...each, narHash: hashOf(each.path) })),
  "a list with base 32 hashes (.attrs.json)": {
    closure: objects.map((each) => ({ ...each, narHash: `sha256:${nixBase32OfSri(hashOf(each.path))}` })),
    root,
    created: "2026-08-15T13:36:06Z",
  },
  "by path (path-info from 2.19)": Object.fromEntries(
    objects.map(({ path: key, references }) => [key, { references, narHash: hashOf(key) }]),
  ),
  "by base name (path-info from 2.33)": {
    version: 2,
    storeDir: "/nix/store",
    info: Object.fromEntries(
      objects.map(({ path: key, references }) => [
        key.slice(11),
        { references: references.map((each) => each.slice(11)), narHash: hashOf(key) },
      ]),
    ),
  },
};

function sbom(input: unknown): { code: number | null; stdout: string; stderr: string } {
  const named = ["--arg", "root", root, "--arg", "created", "2026-08-15T13:36:06Z"];
  const run = spawnSync("jq", ["--sort-keys", ...named, "--from-file", join(checkout, "sbom/closure-to-spdx.jq")], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

test("closure-to-spdx.jq gives one document for every form that a Nix writes a closure in", { skip }, () => {
  const documents = Object.entries(forms).map(([form, input]) => {
    const { code, stdout, stderr } = sbom(input);
    assert.equal(code, 0, `${form}: ${stderr}`);
    return stdout;
  });
  assert.equal(new Set(documents).size, 1);
  const document = JSON.parse(documents[0] ?? "") as {
    packages: { name: string; versionInfo?: string }[];
    relationships: object[];
  };
  assert.deepEqual(
    closureFromSpdx(document),
    objects.map((each) => ({ storePath: each.path, narHash: hashOf(each.path) })),
  );
  assert.deepEqual(
    document.packages.map(({ name, versionInfo }) => [name, versionInfo]),
    [
      ["neko-image", "3.1.5"],
      ["gst-plugins-base", "1.26.0"],
      ["source", undefined],
    ],
  );
  const identifier = (letter: string): string => `SPDXRef-Package-${letter.repeat(32)}`;
  const relation = (from: string, relationshipType: string, to: string): object => {
    return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
  };
  assert.deepEqual(document.relationships, [
    relation("SPDXRef-DOCUMENT", "DESCRIBES", identifier("a")),
    relation(identifier("a"), "DEPENDS_ON", identifier("b")),
    relation(identifier("b"), "DEPENDS_ON", identifier("c")),
  ]);
});

const newerJq = await pythonTools("jq");
test(
  "closure-to-spdx.jq gives the same under jq 1.8, which nixpkgs has",
  { skip: skip !== false ? skip : "absent" in newerJq ? newerJq.absent : false },
  () => {
    assert.ok("programs" in newerJq);
    const python = join(newerJq.programs, "python3");
    // The library has no $ARGS.
    const script = `import jq, json, sys
program = open(sys.argv[1]).read().replace("$ARGS.named", "$named")
named = {"root": sys.argv[2], "created": "2026-08-15T13:36:06Z"}
print(json.dumps(jq.compile(program, args={"named": named}).input_value(json.load(sys.stdin)).first()))`;
    for (const [form, input] of Object.entries(forms)) {
      const ran = spawnSync(python, ["-c", script, join(checkout, "sbom/closure-to-spdx.jq"), root], {
        input: JSON.stringify(input),
        encoding: "utf8",
      });
      assert.equal(ran.status, 0, `${form}: ${ran.stderr}`);
      assert.deepEqual(JSON.parse(ran.stdout), JSON.parse(sbom(input).stdout), form);
    }
  },
);

test("closure-to-spdx.jq refuses a closure without what it is of, and a hash that is none", { skip }, () => {
  const without = sbom([{ path: library, references: [], narHash: hashOf("x") }]);
  assert.notEqual(without.code, 0);
  assert.match(without.stderr, /neko-image-3\.1\.5 is not in the closure/);
  for (const narHash of ["sha256:abc", "md5:0123456789abcdef0123456789abcdef", ""]) {
    const { code, stdout } = sbom([{ path: root, references: [], narHash }]);
    // jq gives nothing for what a pattern does not match; nothing must not look like a document.
    assert.ok(code !== 0 || !stdout.includes('"nix-nar-hash"'), `${narHash}: ${stdout}`);
  }
});
