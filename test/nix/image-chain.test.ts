import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { placeOfStorePath } from "../../src/adapters/nix/store-place.ts";
import { openImageLayout } from "../../src/adapters/oci-layout/open-image-layout.ts";
import { closureFromSpdx } from "../../src/core/nix/sbom-closure.ts";
import { closureDigest } from "../../src/core/nix/closure.ts";
import { buildImage, buildLayer } from "../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../src/core/oci/layout-files.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import { checkout } from "../support/flake-lab.ts";
import { nixFunctions, nixLab, runNix } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";
import { attestRelease, releaseFacts } from "../support/nix-release.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { documentOf, refusalCodes, runCli } from "../support/run-cli.ts";
import { registryFor } from "../peers/registry-process.ts";

/**
 * The last steps of nix/image-layout.nix and sbom/sbomnix.nix run in Nix for real, on an image as skopeo writes it: what
 * nixpkgs would be needed for (the layers, and skopeo) is made here.
 */

const sigstore = await startReleaseLab();
const revision = "0123456789abcdef0123456789abcdef01234567";
/** The scripts of nix/oci and sbom need these beside a shell. */
const tools = ["/usr/bin/bash", "/usr/bin/jq"];

async function labWithTools(t: TestContext): Promise<NixLab | undefined> {
  const absent = tools.filter((path) => !existsSync(path));
  if (absent.length === 0) return await nixLab(t);
  t.skip(`${absent.join(" and ")} must be there: the sandbox sees nothing else of this machine`);
  return undefined;
}

/** What skopeo leaves: index.json with an annotation, in a form of its own, and compressed layers. */
function skopeoLayout(lab: NixLab, name: string, root: string): string {
  const sourceDateEpoch = 1_700_000_000;
  const layer = buildLayer([{ kind: "file", path: "etc/text", bytes: Buffer.from("neko") }], { sourceDateEpoch });
  const image = buildImage([layer], {
    platform: { os: "linux", architecture: "amd64" },
    sourceDateEpoch,
    labels: { "net.m1k1o.neko.trust.roots": root, "org.opencontainers.image.revision": revision },
  });
  const files = new Map(imageLayout(image));
  const { mediaType, digest, size } = image.manifest;
  const annotations = { "org.opencontainers.image.ref.name": "x" };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] };
  files.set("index.json", Buffer.from(JSON.stringify(index, null, 3)));
  files.set("oci-layout", Buffer.from('{"imageLayoutVersion": "1.0.0"}'));
  return lab.writeLayout(name, files);
}

/**
 * A Nix file with `image` and `sbom` as nix/image-layout.nix and sbom/sbomnix.nix end, and the runtime that the image is
 * of.
 */
async function chainFile(lab: NixLab): Promise<string> {
  const runtime = `dependency = make "dependency" {} "echo a dependency > $out";
    runtime = make "neko-runtime-3.1.5" { inherit dependency; } "echo $dependency > $out";`;
  const first = lab.write("runtime.nix", `let ${nixFunctions} ${runtime} in { inherit runtime; }`);
  const built = await lab.nix.build(lab.attribute(first, "runtime"));
  const layout = skopeoLayout(lab, "skopeo", built.outputs.get("out") ?? "");
  return lab.write(
    "chain.nix",
    `let ${nixFunctions} ${runtime}
      oci = builtins.path { path = ${checkout}/nix/oci; name = "oci"; };
      program = builtins.path { path = ${checkout}/sbom/closure-to-spdx.jq; name = "closure-to-spdx.jq"; };
      layout = builtins.path { path = ${layout}; name = "layout"; };
      finish = "cp -r $layout layout; chmod -R u+w layout;";
    in rec {
      image = make "image" { inherit layout oci runtime; }
        "\${finish} bash $oci/finish-layout.sh layout amd64 ${revision} && cp -r --no-preserve=mode layout $out";
      checked = make "checked" { inherit image oci; }
        "bash $oci/check-layout.sh $image linux/amd64 ${revision} && echo good > $out";
      stranger = make "stranger" { inherit layout oci; }
        "\${finish} echo > layout/blobs/sha256/odd; bash $oci/finish-layout.sh layout amd64 ${revision}";
      other = make "other" { inherit layout oci; }
        "\${finish} bash $oci/finish-layout.sh layout arm64 ${revision}";
      sbom = make "sbom" {
        __structuredAttrs = true;
        exportReferencesGraph.closure = [ image ];
        root = image;
        created = "2026-08-15T13:36:06Z";
        inherit program;
      } "export PATH=/usr/bin; jq --sort-keys --from-file $(jq -r .program .attrs.json) .attrs.json > $(jq -r .outputs.out .attrs.json)";
    }`,
  );
}

for (const kind of ["crane", "with-referrers"] as const) {
  test(`from NAR hash to digest, manifest and signature, to verify-image --deep on the registry's blobs (${kind})`, async (t) => {
    const lab = await labWithTools(t);
    const host = await registryFor(t, kind);
    if (lab === undefined || host === undefined) return;
    const file = await chainFile(lab);
    const [image, sbom] = [
      await lab.nix.build(lab.attribute(file, "image")),
      await lab.nix.build(lab.attribute(file, "sbom")),
    ];
    await lab.nix.build(lab.attribute(file, "checked"));
    const storePath = image.outputs.get("out") ?? "";
    const place = (path: string): string => placeOfStorePath(path, lab.store) ?? "";
    const opened = await openImageLayout(place(storePath), "image");
    assert.equal(opened.recomputable, true);

    // The compressed layers hide what the image refers to; its label does not.
    const closure = await lab.nix.pathInfo([storePath], { recursive: true });
    assert.deepEqual(closure.map(({ path }) => path.slice(44)).sort(), ["dependency", "image", "neko-runtime-3.1.5"]);
    const document = JSON.parse(readFileSync(place(sbom.outputs.get("out") ?? ""), "utf8")) as object;
    const listed = closure.map(({ path, narHash }) => ({ storePath: path, narHash }));
    assert.equal(closureDigest(closureFromSpdx(document)), closureDigest(listed));

    const sbomFile = lab.write("sbom.spdx.json", JSON.stringify(document));
    const pathInfo = lab.write("path-info.json", runNix(lab, "nix", ["path-info", "--json", "--recursive", storePath]));
    const lockFile = lab.write("flake.lock", readFileSync(join(checkout, "flake.lock"), "utf8"));
    const source = lab.write("source/a.txt", "the source").slice(0, -"/a.txt".length);
    const repository = `${host}/m1k1o/neko/base`;
    const output = join(lab.folder, "release.json");
    const published = await runCli(
      t,
      [
        ...["publish-manifest", ...releaseFacts({ lockFile, source })],
        ...["--layout", `linux/amd64=${place(storePath)}`, "--path-info", `linux/amd64=${pathInfo}`],
        ...["--sbom", `linux/amd64=${sbomFile}`, "--output", output],
        ...["--index-output", join(lab.folder, "index.json"), "--push", `${repository}:1.2.3`],
      ],
      { environment: lab.environment },
    );
    assert.equal(published.code, 0, published.stderr);
    const manifest = JSON.parse(readFileSync(output, "utf8")) as ReleaseManifest;
    const [platform] = manifest.platforms;
    assert.equal(platform?.digest, opened.manifest.digest);
    assert.equal(platform.narHash, closure.find(({ path }) => path === storePath)?.narHash);

    const release = { index: readFileSync(join(lab.folder, "index.json")), lock: readFileSync(lockFile) };
    const sboms = new Map([["linux/amd64", document]]);
    await attestRelease(sigstore.sigstore, repository, manifest, { ...release, sboms });
    const policy = sigstore.policyWith({ "images.0.repository": repository, "images.0.platforms": ["linux/amd64"] });
    const trust = [
      ...["--policy", lab.write("policy.yaml", stringify(policy))],
      ...["--trusted-root", lab.write("trusted_root.json", sigstore.evidence.trustedRoot)],
    ];
    const deep = await runCli(t, ["verify-image", `${repository}:1.2.3`, ...trust, "--deep", "--json"]);
    assert.equal(deep.code, 0, deep.stdout);

    // The same release, signed for a NAR that the registry's blobs don't make.
    const forged = structuredClone(manifest) as { platforms: { narHash: string }[] };
    const claimed = `sha256-${Buffer.alloc(32, 7).toString("base64")}`;
    for (const each of forged.platforms) each.narHash = claimed;
    const elsewhere = `${host}/m1k1o/neko/forged`;
    const push = ["publish-manifest", ...releaseFacts({ lockFile, source })];
    const layout = ["--layout", `linux/amd64=${place(storePath)}`, "--path-info", `linux/amd64=${pathInfo}`];
    const pushed = await runCli(
      t,
      [...push, ...layout, "--sbom", `linux/amd64=${sbomFile}`, "--push", `${elsewhere}:1.2.3`],
      {
        environment: lab.environment,
      },
    );
    assert.equal(pushed.code, 0, pushed.stderr);
    await attestRelease(sigstore.sigstore, elsewhere, forged as ReleaseManifest, { ...release, sboms });
    const other = sigstore.policyWith({ "images.0.repository": elsewhere, "images.0.platforms": ["linux/amd64"] });
    const refusing = ["--policy", lab.write("other.yaml", stringify(other)), ...trust.slice(2), "--deep", "--json"];
    const refused = await runCli(t, ["verify-image", `${elsewhere}:1.2.3`, ...refusing]);
    assert.equal(refused.code, 1, refused.stdout);
    assert.ok(refusalCodes(documentOf(refused)).includes("NAR_HASH_MISMATCH"), refused.stdout);
  });
}

test("refuses to finish a layout with a blob that the image does not name, or of another architecture", async (t) => {
  const lab = await labWithTools(t);
  if (lab === undefined) return;
  const file = await chainFile(lab);
  for (const [attribute, message] of [
    ["stranger", "finish-layout: the layout holds other blobs than the image names"],
    ["other", "finish-layout: the image must be for linux/arm64"],
  ] as const) {
    await assert.rejects(lab.nix.build(lab.attribute(file, attribute)), (error) => {
      return (error as { details: string[] }).details.some((line) => line.includes(message));
    });
  }
});
