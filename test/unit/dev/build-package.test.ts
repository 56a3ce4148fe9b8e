import assert from "node:assert/strict";
import { test } from "node:test";
import { rewriteDeclarationImports } from "../../../dev/build-package.ts";

test("relative imports, exports and import types of declarations end in .js", () => {
  const declarations = [
    'import type { Digest } from "./digest.ts";',
    "import { z } from 'zod';",
    'export { parse } from "../oci/parse.ts";',
    'export * from "./all.ts";',
    'export declare const a: import("../b.ts").B | typeof import("./c.ts");',
  ].join("\n");
  assert.equal(
    rewriteDeclarationImports(declarations),
    [
      'import type { Digest } from "./digest.js";',
      "import { z } from 'zod';",
      'export { parse } from "../oci/parse.js";',
      'export * from "./all.js";',
      'export declare const a: import("../b.js").B | typeof import("./c.js");',
    ].join("\n"),
  );
});

test("text that only looks like an import, packages and other declarations are left alone", () => {
  const declarations = [
    '/** import "./a.ts" */',
    'export declare const text = "./a.ts";',
    'import "some-package/a.ts";',
    'import "./a.d.ts";',
  ].join("\n");
  assert.equal(rewriteDeclarationImports(declarations), declarations);
});
