import { randomUUID } from "node:crypto";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import type { PlannedAnswer, SeenRequest } from "./loopback-server.ts";

/** How a registry treats referrers: as GHCR was seen to do both ways, and as the specification says. */
export type ReferrersBehaviour = "404" | "empty" | "works";

export interface MemoryRegistry {
  readonly manifests: Map<string, { readonly type: string; readonly body: Buffer }>;
  readonly blobs: Map<string, Buffer>;
  readonly answer: (request: SeenRequest) => Promise<PlannedAnswer>;
}

/** A registry in memory, for one repository; `etags` makes it honour If-Match, `delay` slows manifest writes down. */
export function memoryRegistry(options: {
  readonly referrers: ReferrersBehaviour;
  readonly etags?: boolean;
  readonly delay?: () => number;
}): MemoryRegistry {
  const manifests: MemoryRegistry["manifests"] = new Map();
  const blobs: MemoryRegistry["blobs"] = new Map();

  const listing = (digest: string): PlannedAnswer => {
    if (options.referrers === "404") return { status: 404 };
    const found = [...manifests]
      .filter(([name, { body }]) => name.startsWith("sha256:") && subjectOf(body) === digest)
      .map(([name, { type, body }]) => ({ mediaType: type, digest: name, size: body.length }));
    const listed = options.referrers === "works" ? found : [];
    const body = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: listed });
    return { status: 200, headers: { "content-type": mediaTypes.index }, body };
  };

  const readManifest = (name: string): PlannedAnswer => {
    const held = manifests.get(name);
    if (held === undefined) return { status: 404 };
    const digest = digestOf(held.body);
    const etag = options.etags === true ? { etag: `"${digest}"` } : {};
    return {
      status: 200,
      headers: { "content-type": held.type, "docker-content-digest": digest, ...etag },
      body: held.body,
    };
  };

  const writeManifest = async (name: string, request: SeenRequest): Promise<PlannedAnswer> => {
    const wait = options.delay?.() ?? 0;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const expected = request.headers["if-match"];
    const held = manifests.get(name);
    if (
      options.etags === true &&
      expected !== undefined &&
      (held === undefined || expected !== `"${digestOf(held.body)}"`)
    ) {
      return { status: 412 };
    }
    const entry = { type: request.headers["content-type"] ?? "", body: request.body };
    manifests.set(name, entry);
    manifests.set(digestOf(request.body), entry);
    return { status: 201, headers: { "docker-content-digest": digestOf(request.body) } };
  };

  return {
    manifests,
    blobs,
    answer: async (request) => {
      const { pathname, searchParams } = new URL(request.url, "http://registry");
      const [kind = "", name = ""] = pathname.split("/").slice(-2);
      if (kind === "referrers") return listing(name);
      if (kind === "manifests") return request.method === "PUT" ? writeManifest(name, request) : readManifest(name);
      if (request.method === "POST") return { status: 202, headers: { location: `${pathname}${randomUUID()}` } };
      if (request.method === "PUT") {
        const digest = searchParams.get("digest") ?? "";
        if (digestOf(request.body) !== digest) return { status: 400 };
        blobs.set(digest, request.body);
        return { status: 201 };
      }
      const blob = blobs.get(name);
      return blob === undefined ? { status: 404 } : { status: 200, body: request.method === "HEAD" ? "" : blob };
    },
  };
}

function subjectOf(body: Buffer): string | undefined {
  return (JSON.parse(body.toString("utf8")) as { subject?: { digest?: string } }).subject?.digest;
}
