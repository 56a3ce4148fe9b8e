import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { startServer } from "./loopback-server.ts";
import type { PlannedAnswer, SeenRequest } from "./loopback-server.ts";

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const subject = digestOf("subject");
const asIndex = { "content-type": mediaTypes.index };

interface Probed {
  readonly kind: string;
  /** Bytes. */
  readonly growth: number;
  readonly milliseconds: number;
  /** Bytes that the server could write. */
  readonly sent: number;
}

/** What one call makes of a server's answers, in a process that serves nothing itself. */
async function probe(
  t: TestContext,
  call: "manifest" | "blob" | "stream" | "referrers",
  answer: (request: SeenRequest, count: (bytes: number) => void) => PlannedAnswer,
  blob: { readonly digest: Digest; readonly size: number } = { digest: subject, size: 0 },
): Promise<Probed> {
  let sent = 0;
  const server = await startServer(t, (request) => {
    if (request.url.startsWith("/v2/warm/up/")) return { status: 404 };
    return answer(request, (bytes) => (sent += bytes));
  });
  const worker = join(import.meta.dirname, "memory-probe.ts");
  const args = [worker, server.host, call, blob.digest, String(blob.size)];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr, { cause: error }));
    });
  });
  const probed = { ...(JSON.parse(output) as Omit<Probed, "sent">), sent };
  t.diagnostic(
    `${call}: ${probed.kind}, +${Math.round(probed.growth / mebibyte)} MiB, ${Math.round(probed.milliseconds)} ms`,
  );
  return probed;
}

/** Writes as much as the reader takes, up to a total. */
function flood(total: number, count: (bytes: number) => void, chunk = Buffer.alloc(mebibyte, " ")) {
  return (response: ServerResponse): void => {
    let written = 0;
    const more = (): void => {
      while (written < total && !response.destroyed) {
        written += chunk.length;
        count(chunk.length);
        if (!response.write(chunk)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    more();
  };
}

function assertBounded({ growth, milliseconds }: Probed, most = 64): void {
  assert.ok(growth < most * mebibyte, `memory grew by ${Math.round(growth / mebibyte)} MiB`);
  assert.ok(milliseconds < 5000, `it took ${Math.round(milliseconds)} ms`);
}

for (const [how, headers] of [
  ["announced", { "content-length": String(gibibyte) }],
  ["only sent", {}],
] as const) {
  test(`T8, CVE-2024-29902, CVE-2023-25656: a manifest, a list and a blob of 1 GiB, ${how}, are not read to their end`, async (t) => {
    for (const [call, kind, size] of [
      ["manifest", "too-large", 0],
      ["referrers", "too-large", 0],
      ["blob", "broken", 1000],
      ["blob", "too-large", gibibyte],
    ] as const) {
      const probed = await probe(
        t,
        call,
        (_, count) => ({ status: 200, headers: { ...asIndex, ...headers }, stream: flood(gibibyte, count) }),
        { digest: subject, size },
      );
      assert.equal(probed.kind, kind, call);
      assertBounded(probed, call === "blob" ? 50 : 64);
      assert.ok(probed.sent < 64 * mebibyte, `${call}: ${probed.sent} bytes were sent`);
    }
  });
}

/** A list of entries, as long as they are made here. */
function list(from: number, count: number): string {
  const manifests = Array.from({ length: count }, (_, i) => ({
    mediaType: mediaTypes.manifest,
    digest: digestOf(String(from + i)),
    size: 100,
    artifactType: mediaTypes.bundle,
  }));
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
}

const isTag = ({ url }: SeenRequest): boolean => url.includes("/manifests/");

test("T8, CVE-2023-46737, CVE-2024-29903, GHSA-9m3v-v4r5-ppx7: 10,000 referrers in one list are too large at once", async (t) => {
  const all = list(0, 10_000);
  for (const byTag of [false, true]) {
    const probed = await probe(t, "referrers", (request) =>
      isTag(request) === byTag ? { status: 200, headers: asIndex, body: all } : { status: 404 },
    );
    assert.equal(probed.kind, "too-large");
    assertBounded(probed);
  }
});

test("T8, CVE-2023-46737: 10,000 referrers in pages, and pages without end, are too large with bounded memory", async (t) => {
  for (const perPage of [100, 0]) {
    let pages = 0;
    const probed = await probe(t, "referrers", (request) => {
      if (isTag(request)) return { status: 404 };
      const body = list(pages * perPage, perPage);
      pages += 1;
      return { status: 200, headers: { ...asIndex, link: `<?page=${pages}>; rel="next"` }, body };
    });
    assert.equal(probed.kind, "too-large");
    assertBounded(probed);
    assert.ok(pages <= 100, `${pages} pages were read`);
  }
});

test("T8: a list of two million small values is refused with bounded memory", async (t) => {
  const body = `{"schemaVersion":2,"manifests":[${"0,".repeat(2_000_000)}0]}`;
  const probed = await probe(t, "referrers", (request) =>
    isTag(request) ? { status: 404 } : { status: 200, headers: asIndex, body },
  );
  assert.equal(probed.kind, "too-large");
  assert.ok(probed.growth < 200 * mebibyte, `${Math.round(probed.growth / mebibyte)} MiB`);
  assert.ok(probed.milliseconds < 5000);
});

test("T8: 512 MiB that are streamed pass through bounded memory", async (t) => {
  const chunk = Buffer.alloc(mebibyte, " ");
  const hash = createHash("sha256");
  for (let n = 0; n < 512; n += 1) hash.update(chunk);
  const blob = { digest: `sha256:${hash.digest("hex")}`, size: 512 * mebibyte } as const;
  const probed = await probe(t, "stream", (_, count) => ({ status: 200, stream: flood(blob.size, count) }), blob);
  assert.equal(probed.kind, "found");
  assert.ok(probed.growth < 150 * mebibyte, `${Math.round(probed.growth / mebibyte)} MiB`);
});
