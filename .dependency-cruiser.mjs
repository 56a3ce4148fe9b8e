/**
 * Who may import whom. Each rule's comment says what to do instead; test/architecture/fixtures/<rule> breaks each one,
 * so that it is seen failing. Between layers type-only imports count: a type ties two layers just as a value does.
 * docs/architecture.md explains the layers.
 */

/** Libraries without I/O, clock or randomness in the parts that core uses. A new one needs a reason in the review. */
const pureLibraries = [
  "zod",
  "canonicalize",
  "semver",
  "yaml",
  "@noble/ciphers",
  "@noble/curves",
  "@noble/hashes",
  "@sigstore/bundle",
  "@sigstore/core",
  "@sigstore/protobuf-specs",
  "@sigstore/verify",
  "jose",
  // Parses and writes TOML, the format of KBS; no I/O, no dependency.
  "smol-toml",
];

/** Matches a package's files wherever node_modules lies, and the types that stand for it. */
const packages = (names) => `(^|/)node_modules/(@types/)?(${names.join("|")})/`;
const builtIns = (names) => `^(node:)?(${names.join("|")})$`;
/** Imports that vanish when types are stripped: `import type …` and `typeof import("…")`. */
const erased = ["type-only", "type-import"];
const anyPackage = "(^|/)node_modules/";

/** Everything of this repository that holds code, for rules of the form "from here, nothing of ours but …". */
const ours = "^(index\\.ts|entry\\.mjs|bin|components|src|lab|test|bench|dev)(/|$)";

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "core-is-pure",
      comment:
        "src/core imports only core, node:crypto and the pure libraries named in .dependency-cruiser.mjs. " +
        "Instead: collect what you need in an operation through an adapter, and pass it in as an argument.",
      severity: "error",
      from: { path: "^src/core/", pathNot: "^src/core/oci/gzip\\.ts$" },
      to: { pathNot: ["^src/core/", builtIns(["crypto"]), packages(pureLibraries)], couldNotResolve: false },
    },
    {
      name: "gzip-is-pure",
      comment:
        "src/core/oci/gzip.ts may add node:zlib to what core may import (a layer's gzip bytes are part of its digest), " +
        "and nothing else. Instead: pass what you need in as an argument.",
      severity: "error",
      from: { path: "^src/core/oci/gzip\\.ts$" },
      to: { pathNot: ["^src/core/", builtIns(["crypto", "zlib"]), packages(pureLibraries)], couldNotResolve: false },
    },
    {
      name: "adapters-import-core-only",
      comment:
        "An adapter speaks to one outside system and imports core and other adapters, nothing above. " +
        "Instead: let the operation that calls the adapter pass in what it needs; move shared formats to src/core.",
      severity: "error",
      from: { path: "^src/adapters/" },
      to: { path: ours, pathNot: ["^src/core/", "^src/adapters/"] },
    },
    {
      name: "operations-import-core-adapters-config",
      comment:
        "An operation joins core and adapters, and reads config. It knows no component, engine, report, command line or lab. " +
        "Instead: return data and let the caller (src/cli, index.ts, lab) show it or provision from it.",
      severity: "error",
      from: { path: "^src/operations/" },
      to: { path: ours, pathNot: ["^src/operations/", "^src/core/", "^src/adapters/", "^src/config/"] },
    },
    {
      name: "components-import-core-and-themselves",
      comment:
        "A component imports core and its own folder, so that it can be reused alone. " +
        "Instead: move what two components share to src/core, or pass one's output to the other in index.ts.",
      severity: "error",
      from: { path: "^components/([^/]+)/" },
      to: { path: ours, pathNot: ["^components/$1/", "^src/core/"] },
    },
    {
      name: "public-entry-imports-components-and-core",
      comment:
        "The package's entry exports components and core, nothing else. " +
        "Instead: export from the component's folder or from src/core; the command line is reached through bin/.",
      severity: "error",
      from: { path: "^components/[^/]+\\.ts$" },
      to: { path: ours, pathNot: ["^components/", "^src/core/"] },
    },
    {
      name: "settings-are-plain-schemas",
      comment:
        "A component's settings.ts is read by commands that must start fast and run no engine: zod, core and its own folder only. " +
        "Instead: put what needs Pulumi into args.ts or component.ts.",
      severity: "error",
      from: { path: "^components/[^/]+/settings\\.ts$" },
      to: { path: ["^components/[^/]+/(component|args)\\.ts$", anyPackage], pathNot: packages(["zod"]) },
    },
    {
      name: "policy-pack-imports-core-and-itself",
      comment:
        "A rule of the policy pack sees resources as the engine shows them: it imports core and its own folder. " +
        "Instead: move what it shares with a component to src/core.",
      severity: "error",
      from: { path: "^src/policy-pack/" },
      to: { path: ours, pathNot: ["^src/policy-pack/", "^src/core/"] },
    },
    {
      name: "report-imports-core-and-itself",
      comment:
        "A report shows a model that it is given: it imports core and its own folder. " +
        "Instead: let the operation or the command collect the data and hand it over.",
      severity: "error",
      from: { path: "^src/report/" },
      to: { path: ours, pathNot: ["^src/report/", "^src/core/"] },
    },
    {
      name: "config-imports-core-and-settings",
      comment:
        "src/config composes the schema from core and the components' settings.ts, nothing else of a component; of the adapters it " +
        "knows only directories (where the local stack's values lie). " +
        "Instead: add the field to that component's settings.ts, or take the value as an argument.",
      severity: "error",
      from: { path: "^src/config/" },
      to: { path: ours, pathNot: ["^src/(config|core|adapters/directories)/", "^components/[^/]+/settings\\.ts$"] },
    },
    {
      name: "engine-takes-the-program-as-argument",
      comment:
        "src/engine drives any Pulumi program: it imports core and adapters. " +
        "Instead: pass the program, the stand-ins' addresses and whatever else it needs as arguments.",
      severity: "error",
      from: { path: "^src/engine/" },
      to: { path: ours, pathNot: ["^src/engine/", "^src/core/", "^src/adapters/"] },
    },
    {
      name: "program-imports-config-operations-components",
      comment:
        "index.ts wires config, operations and components (and knows where things lie: adapters/directories), and is read in a minute. " +
        "Instead: put the logic into an operation or a component's args.ts, and call it from index.ts.",
      severity: "error",
      from: { path: "^index\\.ts$" },
      to: { path: ours, pathNot: ["^src/(config|operations|adapters/directories)/", "^components/"] },
    },
    {
      name: "cli-imports-operations-not-insides",
      comment:
        "A command parses, calls, prints and exits: it imports operations, config, engine, report, policy-pack, core, and from the " +
        "adapters only directories (where things lie). " +
        "Instead: move the work into a verb of src/operations and call that.",
      severity: "error",
      from: { path: "^src/cli/" },
      to: {
        path: ours,
        pathNot: [
          "^src/(cli|operations|config|engine|report|policy-pack|core|adapters/directories)/",
          "^index\\.ts$",
          "^lab/",
        ],
      },
    },
    {
      name: "cli-loads-program-and-lab-dynamically",
      comment:
        "The command line must start without the program and the lab (they need packages that the published package leaves out). " +
        'Instead: `await import("…")` inside the command that needs it; types may be imported with `import type`.',
      severity: "error",
      from: { path: "^src/cli/" },
      to: { path: ["^index\\.ts$", "^lab/"], dynamic: false, dependencyTypesNot: erased },
    },
    {
      name: "only-cli-and-tests-reach-lab",
      comment:
        "The lab makes roots and providers that are not for production: nothing outside lab imports it, save the command line " +
        "(dynamically), tests and bench. Instead: take what you need as an argument, or move it out of the lab.",
      severity: "error",
      from: { pathNot: "^(lab|test|bench|src/cli)/" },
      to: { path: "^lab/" },
    },
    {
      name: "lab-does-not-import-cli",
      comment:
        "The lab is started by the command line, never the other way round. " +
        "Instead: call the operation that the command calls, or spawn the command as a process.",
      severity: "error",
      from: { path: "^lab/" },
      to: { path: "^src/cli/" },
    },
    {
      name: "nothing-imports-tests",
      comment:
        "Code that runs never imports test, bench or dev code. Instead: move what is shared to the layer that it belongs to.",
      severity: "error",
      from: { path: "^(index\\.ts$|(components|src|lab|bin)/)" },
      to: { path: "^(test|bench|dev)/" },
    },
    {
      name: "no-circular",
      comment:
        "Modules that need each other at run time can't be understood, tested or loaded alone (cycles that have a type-only " +
        "import in them vanish when types are stripped). " +
        "Instead: move what both need into a third module, or pass it as an argument.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: erased } },
    },
    {
      name: "shipped-code-needs-no-dev-dependency",
      comment:
        "What the package ships runs where devDependencies are not installed. " +
        "Instead: use it in lab, test, bench or dev only, or make it a dependency.",
      severity: "error",
      from: { path: "^(index\\.ts$|(components|src)/)" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: erased },
    },
    {
      name: "no-undeclared-package",
      comment:
        "An import that package.json does not name works by accident of hoisting. Instead: add it to package.json, or do without.",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "no-unresolvable",
      comment: "The import points at nothing. Instead: mend the path (relative, ending in .ts) or install the package.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)fixtures/" },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    moduleSystems: ["es6", "cjs"],
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".cjs", ".d.ts", ".json"],
    },
  },
};
