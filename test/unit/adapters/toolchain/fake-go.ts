import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Directories } from "../../../../src/adapters/directories/directories.ts";
import type { PinnedTool } from "../../../../src/adapters/toolchain/tool.ts";

/** A script in the place of `go`: what it does is set by FAKE_GO (works, fails, full, hangs). */
const script = `#!/bin/sh
if [ "$1" = env ]; then echo "\${FAKE_GO_VERSION:-go1.26.8}"; exit 0; fi
while [ $# -gt 0 ]; do if [ "$1" = -o ]; then output="$2"; fi; shift; done
echo "build $GOFLAGS $CGO_ENABLED $GOTOOLCHAIN" >> "$FAKE_GO_CALLS"
echo example.com/package >&2
case "$FAKE_GO" in
  fails) echo "main.go:3: undefined: nothing" >&2; exit 1;;
  full) echo "link: write /somewhere/out: no space left on device" >&2; exit 1;;
  hangs) echo $$ > "$FAKE_GO_CALLS.pid"; sleep 600;;
  slow) sleep 1;;
esac
printf '#!/bin/sh\\necho built\\n' > "$output"
chmod +x "$output"
`;

export interface Bench {
  readonly directories: Directories;
  readonly environment: Readonly<Record<string, string>>;
  /** What the fake was called for, one line per build. */
  calls(): string[];
  /** The pid of a fake that hangs. */
  hangingPid(): number | undefined;
}

/** A checkout with one Go module, an empty cache, and a PATH with the fake `go` on it. */
export function fakeGoBench(t: TestContext, goMod = "module example.com/tool\n\ngo 1.26\n"): Bench {
  const root = mkdtempSync(join(tmpdir(), "neko-toolchain-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  });
  for (const folder of ["bin", "checkout/tools/sample", "cache"]) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "bin", "go"), script, { mode: 0o755 });
  writeFileSync(join(root, "checkout/tools/sample/go.mod"), goMod);
  writeFileSync(join(root, "checkout/tools/sample/go.sum"), "");
  const calls = join(root, "calls");
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  };
  return {
    directories: {
      checkout: join(root, "checkout"),
      cache: join(root, "cache"),
      state: join(root, "state"),
      run: join(root, "run"),
    },
    environment: { PATH: `${join(root, "bin")}:/usr/bin:/bin`, FAKE_GO_CALLS: calls, FAKE_GO: "works" },
    calls: () => read(calls).split("\n").filter(Boolean),
    hangingPid: () => Number(read(`${calls}.pid`)) || undefined,
  };
}

export const sampleTool: PinnedTool = {
  name: "sample",
  version: "v1.0.0",
  module: "tools/sample",
  package: "example.com/tool",
  binary: "bin/sample",
  linkerFlags: "-s -w",
  usually: "a moment",
};
