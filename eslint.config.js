import tseslint from "typescript-eslint";

const clockAndRandomness = [
  { name: "fetch", message: "Core does no I/O: collect evidence in an operation through an adapter." },
  { name: "process", message: "Core reads no environment: take what you need as an argument." },
  { name: "setTimeout", message: "Core has no clock: take `now` as an argument." },
  { name: "setInterval", message: "Core has no clock: take `now` as an argument." },
  { name: "performance", message: "Core has no clock: take `now` as an argument." },
  { name: "console", message: "Core prints nothing: return data and let the command show it." },
  { name: "crypto", message: "Core has no randomness: import what you need from node:crypto by name." },
  { name: "globalThis", message: "Core has no clock, environment or I/O: take what you need as an argument." },
];

/** Making the proof is verifyRelease's alone: whoever could mint it could skip the verification. */
const mintingMessage =
  "Only src/core/verify/verify-release.ts mints a VerifiedRelease. Call verifyRelease and pass on what it returns.";
const minting = {
  patterns: [
    { regex: "(^|/)verified-release(\\.[a-z]+)?$", importNames: ["mintVerifiedRelease"], message: mintingMessage },
  ],
};
const mintingByDynamicImport = {
  selector: "ImportExpression[source.value=/verified-release/]",
  message: mintingMessage,
};

const namedExportsOnly = {
  selector: "ExportDefaultDeclaration",
  message: "Named exports only (index.ts alone has a default export).",
};

export default tseslint.config(
  { ignores: ["node_modules/", "dist/", ".lab/", "tools/", "test/**/fixtures/", "coverage/"] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "no-restricted-syntax": ["error", namedExportsOnly, mintingByDynamicImport],
      "no-restricted-imports": ["error", minting],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "all" },
      ],
      eqeqeq: "error",
    },
  },
  {
    files: ["src/core/**/*.ts"],
    rules: {
      "no-restricted-globals": ["error", ...clockAndRandomness],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "Core has no clock: take `now` as an argument." },
        { object: "Math", property: "random", message: "Core has no randomness." },
      ],
      "no-restricted-syntax": [
        "error",
        namedExportsOnly,
        mintingByDynamicImport,
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: "Core has no clock: take `now`.",
        },
        { selector: "CallExpression[callee.name='Date']", message: "Core has no clock: take `now`." },
        {
          selector: "ImportSpecifier[imported.name=/^(random.*|getRandomValues|webcrypto|generateKey.*)$/]",
          message: "Core has no randomness: take bytes or keys as arguments.",
        },
        {
          selector:
            "ImportDeclaration[source.value=/crypto$/] > :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)",
          message: "Import from node:crypto by name, so that randomness can't slip in.",
        },
      ],
    },
  },
  { files: ["src/core/verify/verify-release.ts"], rules: { "no-restricted-imports": "off" } },
  { files: ["index.ts"], rules: { "no-restricted-syntax": ["error", mintingByDynamicImport] } },
  {
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      "no-restricted-imports": "off",
      "no-restricted-syntax": ["error", namedExportsOnly],
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "describe", "it", "before", "after", "suite"] },
          ],
        },
      ],
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
);
