import assert from "node:assert/strict";
import { after, test } from "node:test";
import { flakeLab, nekoRevision, nixAbsent } from "../support/flake-lab.ts";

/** The image with Firefox, evaluated by Nix against the stand-ins, beside the base image that it is on top of. */

const skip = nixAbsent() ?? false;
const lab = skip === false ? flakeLab() : undefined;
after(() => lab?.remove());

const systems = { "x86_64-linux": "amd64", "aarch64-linux": "arm64" } as const;
const described = `p:
  let
    of = image: {
      inherit (image) config name platform;
      built = image.description.recorded.arguments;
      inputs = image.recorded.roots;
      layers = map (layer: { inherit (layer) drvPath; given = layer.recorded.arguments; }) image.layers;
    };
  in {
    base = of p.image;
    firefox = of p.firefox-image;
    # A label with the context of store paths would bring them, and so the base image's root, into the last layer.
    withContext = builtins.hasContext p.firefox-image.config.Labels."net.m1k1o.neko.trust.roots";
    indexed = builtins.mapAttrs (_: image: image.name) p.firefox-image-index.images;
  }`;

interface Image {
  readonly name: string;
  readonly platform: string;
  readonly config: Readonly<Record<string, unknown>> & { readonly Labels: Readonly<Record<string, string>> };
  readonly built: {
    readonly arch: string;
    readonly config: object;
    readonly copyToRoot: readonly string[];
    readonly created: string;
    readonly fromImage?: string;
    readonly layers: readonly string[];
    readonly name: string;
    readonly perms: readonly Readonly<Record<string, unknown>>[];
  };
  readonly inputs: readonly string[];
  readonly layers: readonly { readonly drvPath: string; readonly given: Readonly<Record<string, unknown>> }[];
}

interface Images {
  readonly base: Image;
  readonly firefox: Image;
  readonly withContext: boolean;
  readonly indexed: Readonly<Record<string, string>>;
}

const found = new Map(
  Object.keys(systems).map((system) => [system, lab?.evaluate(`packages.${system}`, described) as Images]),
);

function each(check: (images: Images, architecture: string) => void): void {
  for (const [system, architecture] of Object.entries(systems)) {
    const images = found.get(system);
    assert.ok(images !== undefined, system);
    check(images, architecture);
  }
}

test("starts with the base image's layers, and adds one group for the app and one for its files", { skip }, () => {
  each(({ base, firefox }, architecture) => {
    const own = firefox.layers.at(-1);
    assert.deepEqual(firefox.layers.slice(0, -1), base.layers);
    assert.deepEqual(own?.given, {
      deps: ["<firefox>", "<openbox>"],
      layers: base.built.layers,
      maxLayers: 12,
      metadata: { created_by: "firefox" },
    });
    const { built } = firefox;
    assert.equal(built.fromImage, "<image-neko.json>");
    assert.equal(base.built.fromImage, undefined);
    assert.deepEqual(built.layers, [...base.built.layers, "<layer-firefox>"]);
    assert.deepEqual(built.copyToRoot, ["<neko-firefox-3.1.5-8-gbaf21c1d>"]);
    assert.equal(built.name, "neko-firefox");
    assert.equal(built.arch, architecture);
    assert.equal(built.created, base.built.created);
    assert.equal(firefox.platform, `linux/${architecture}`);
    assert.equal(firefox.name, "neko-firefox-image-3.1.6-dirty");
  });
});

test("has the base image's command, environment, port and user, and says in its labels what it is", { skip }, () => {
  each(({ base, firefox }) => {
    const { Labels: baseLabels, ...baseConfig } = base.config;
    const { Labels: labels, ...config } = firefox.config;
    assert.deepEqual(config, baseConfig);
    // supervisord is root's, as upstream, and starts each program as its own user.
    assert.equal(config["User"], undefined);
    assert.deepEqual(firefox.built.config, firefox.config);
    const { "net.m1k1o.neko.trust.roots": baseRoots = "", ...rest } = baseLabels;
    const { "net.m1k1o.neko.trust.roots": roots = "", ...own } = labels;
    assert.deepEqual(own, {
      ...rest,
      "org.opencontainers.image.description": "Firefox in Neko, a virtual browser that runs in a container",
      "org.opencontainers.image.licenses": "Apache-2.0 AND MPL-2.0",
      "org.opencontainers.image.title": "neko-firefox",
    });
    assert.equal(labels["org.opencontainers.image.revision"], nekoRevision);
    const [last = "", ...others] = roots.split(" ").reverse();
    assert.equal(others.reverse().join(" "), baseRoots);
    assert.match(last, /^\/nix\/store\/[0-9a-z]{32}-neko-firefox-3\.1\.5-8-gbaf21c1d$/);
  });
});

test(
  "names its roots as mere text, and has them as inputs, so that Nix finds the closure in the label",
  { skip },
  () => {
    each(({ firefox, withContext }) => {
      assert.equal(withContext, false);
      const names = (firefox.config.Labels["net.m1k1o.neko.trust.roots"] ?? "").split(" ");
      assert.deepEqual(
        firefox.inputs,
        names.map((path) => `<${path.replace(/^\/nix\/store\/[0-9a-z]{32}-/, "")}>`),
      );
    });
  },
);

test("gives the user neko the browser's profile and the home folder, and root the rest", { skip }, () => {
  each(({ firefox: { built } }) => {
    const store = /^\^(\/nix\/store\/[^/]+)/.exec(String(built.perms[0]?.["regex"]))?.[1] ?? "";
    const of = (path: string): readonly unknown[] => {
      const matching = built.perms.filter(({ regex }) => new RegExp(String(regex)).test(`${store}${path}`));
      assert.ok(matching.length <= 1, path);
      return [matching[0]?.["mode"], matching[0]?.["uid"], matching[0]?.["gid"]];
    };
    const profile = "/home/neko/.mozilla/firefox/profile.default";
    for (const path of ["/home/neko", profile, `${profile}/extensions`]) {
      assert.deepEqual(of(path), ["0755", 1000, 1000], path);
    }
    assert.deepEqual(of("/home/neko/.mozilla/firefox/profiles.ini"), ["0644", 1000, 1000]);
    for (const path of ["/home", "/home/neko/.mozilla", "/usr/bin/firefox", "/etc/neko/supervisord/firefox.conf"]) {
      assert.deepEqual(of(path), [undefined, undefined, undefined], path);
    }
  });
});

test("has upstream's files of the app at upstream's places, from the locked source", { skip }, () => {
  const { script } = lab?.evaluate("checks.x86_64-linux.firefox.recorded") as { script: string };
  const place = "packages.x86_64-linux.firefox-image";
  const app = lab?.evaluate(
    place,
    `i: let root = builtins.elemAt i.roots 4; in { inherit (root.recorded) script; browser = root.firefox.recorded; }`,
  ) as { script: string; browser: Readonly<Record<string, unknown>> };
  const source = /(\/nix\/store\/[0-9a-z]{32}-source)\/apps\/firefox\/supervisord\.conf/.exec(app.script)?.[1] ?? "";
  assert.notEqual(source, "");
  for (const line of [
    `cp ${source}/apps/firefox/supervisord.conf $out/etc/neko/supervisord/firefox.conf`,
    `cp ${source}/apps/firefox/openbox.xml $out/etc/neko/openbox.xml`,
    `cp ${source}/apps/firefox/profiles.ini $out/home/neko/.mozilla/firefox/profiles.ini`,
  ]) {
    assert.ok(app.script.includes(`\n${line}\n`), line);
  }
  const { extraPrefsFiles, extraPoliciesFiles, browser } = app.browser;
  assert.deepEqual(
    [browser, extraPrefsFiles, extraPoliciesFiles],
    ["<firefox-unwrapped>", [`${source}/apps/firefox/neko.js`], [`${source}/apps/firefox/policies.json`]],
  );
  for (const program of ["firefox", "openbox"]) {
    const link = new RegExp(`\\nln -s /nix/store/[0-9a-z]{32}-${program}/bin/${program} \\$out/usr/bin/${program}\\n`);
    assert.match(app.script, link);
  }
  // The build itself holds the programs of upstream's configuration against this image, and the check its settings.
  assert.match(app.script, /check-supervisor\.sh \$out\/etc\/neko\/supervisord\/firefox\.conf/);
  assert.match(app.script, /"DISPLAY [A-Z0-9_ ]* USER XDG_RUNTIME_DIR" \$out \/nix\/store\/[0-9a-z]{32}-neko-runtime-/);
  for (const file of ["neko.js", "policies.json"]) assert.ok(script.includes(`${source}/apps/firefox/${file}`), file);
});

test("is in an index of both systems' images with Firefox", { skip }, () => {
  each(({ indexed }) => {
    const name = "neko-firefox-image-3.1.6-dirty";
    assert.deepEqual(indexed, { "x86_64-linux": name, "aarch64-linux": name });
  });
});
