import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";
import ts from "typescript";

/**
 * Emits `dist/` for `npm pack`: JavaScript and types of components/ and src/, with `.ts` imports rewritten to `.js`
 * (Node does not strip types below node_modules). lab, test, bench, dev and index.ts are never part of the package.
 * `--out <folder>` emits elsewhere.
 */

const checkout = resolve(import.meta.dirname, "..");
const shippedFolders = ["components", "src"] as const;
/** What `verify-bundle` reads without --trusted-root: to the package's code, dist/ is what the checkout is here. */
const shippedFiles = ["stacks/roots/public-good.json"] as const;

function compilerOptions(target: string): ts.CompilerOptions {
  const path = join(checkout, "tsconfig.json");
  const read = ts.readConfigFile(path, (file) => ts.sys.readFile(file));
  if (read.error !== undefined) throw new Error(formatDiagnostics([read.error]));
  const parsed = ts.parseJsonConfigFileContent(read.config, { ...ts.sys, readDirectory: () => [] }, checkout);
  const options: ts.CompilerOptions = {
    ...parsed.options,
    noEmit: false,
    incremental: false,
    noEmitOnError: true,
    declaration: true,
    sourceMap: false,
    rewriteRelativeImportExtensions: true,
    rootDir: checkout,
    outDir: target,
  };
  // The compiler refuses it without `incremental`.
  delete options.tsBuildInfoFile;
  return options;
}

function formatDiagnostics(diagnostics: readonly ts.Diagnostic[]): string {
  return ts.formatDiagnostics(diagnostics, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => checkout,
    getNewLine: () => "\n",
  });
}

function isShipped(file: string, base: string): boolean {
  return shippedFolders.some((folder) => relative(base, file).startsWith(`${folder}${sep}`));
}

/**
 * The compiler rewrites imports in JavaScript, but leaves those of declarations; a consumer's compiler follows `.ts`
 * to `.d.ts` only with options of its own, so they are rewritten, too.
 */
export function rewriteDeclarationImports(declarations: string): string {
  const source = ts.createSourceFile("a.d.ts", declarations, ts.ScriptTarget.Latest, true);
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  const visit = (node: ts.Node): void => {
    const specifier =
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined
        ? node.moduleSpecifier
        : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : undefined;
    if (specifier !== undefined && ts.isStringLiteral(specifier) && /^\.{1,2}\/.*(?<!\.d)\.ts$/.test(specifier.text)) {
      edits.push({
        start: specifier.getStart(source) + 1,
        end: specifier.end - 1,
        text: specifier.text.replace(/\.ts$/, ".js"),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return edits.reduceRight((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), declarations);
}

/** Emits the package's files into `out`, emptied first; returns their paths relative to it. Throws on type errors. */
export function buildPackage(out: string): string[] {
  const roots = shippedFolders.flatMap((folder) => ts.sys.readDirectory(join(checkout, folder), [".ts"]));
  const program = ts.createProgram(roots, compilerOptions(out));
  const diagnostics = ts.getPreEmitDiagnostics(program);
  if (diagnostics.length > 0) throw new Error(formatDiagnostics(diagnostics));
  rmSync(out, { recursive: true, force: true });
  const written: string[] = [];
  const emitted = program.emit(undefined, (file, text) => {
    // What src/cli imports dynamically is compiled along, but belongs to a checkout.
    if (!isShipped(file, out)) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, file.endsWith(".d.ts") ? rewriteDeclarationImports(text) : text);
    written.push(relative(out, file));
  });
  if (emitted.diagnostics.length > 0) throw new Error(formatDiagnostics(emitted.diagnostics));
  for (const file of shippedFiles) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    copyFileSync(join(checkout, file), join(out, file));
    written.push(file);
  }
  return written.sort();
}

function main(): void {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  try {
    const out = resolve(values.out ?? join(checkout, "dist"));
    // npm reads what `npm pack --json` prints on stdout: progress goes to stderr.
    console.error(`emitted ${buildPackage(out).length} files into ${out}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

if (import.meta.main) main();
