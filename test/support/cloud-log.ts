import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { z } from "zod";

/** Stand-ins of the two servers that a machine's log needs: metadata, and Cloud Logging. */

export const loggingMachine = { project: "neko-trust-production", instanceId: "9901", zone: "europe-west9-a" };
export const machineToken = "token-of-the-machine-that-no-message-shows";

const written = z.strictObject({
  logName: z.string(),
  resource: z.strictObject({ type: z.string(), labels: z.record(z.string(), z.string()) }),
  entries: z.array(
    z.strictObject({
      timestamp: z.iso.datetime(),
      insertId: z.string(),
      severity: z.enum(["INFO", "WARNING", "ERROR"]),
      jsonPayload: z.record(z.string(), z.unknown()),
    }),
  ),
});
export type WrittenEntries = z.infer<typeof written>;

/** The entries as the log has them: what is sent again has the same id, and is there once. */
export function entriesOf(taken: readonly WrittenEntries[]): WrittenEntries["entries"] {
  const all = taken.flatMap(({ entries }) => entries);
  return [...new Map(all.map((entry) => [entry.insertId, entry])).values()];
}

export interface CloudLogServers {
  readonly metadataAddress: string;
  readonly loggingAddress: string;
  /** What was written, one for each request that was taken. */
  readonly taken: readonly WrittenEntries[];
  /** How many requests each path of the metadata server got. */
  readonly asked: ReadonlyMap<string, number>;
}

export interface CloudLogAnswers {
  /** Of the metadata server, by path below /computeMetadata/v1/, in place of the good ones; looked up at each request. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Paths of it that are never answered. */
  readonly silent?: readonly string[];
  /** The status of each request to the API, by its number from 0; 200 unless given. */
  readonly status?: (number: number) => number;
}

/** Both, until the test ends. */
export async function startCloudLog(t: TestContext, answers: CloudLogAnswers = {}): Promise<CloudLogServers> {
  const taken: WrittenEntries[] = [];
  const asked = new Map<string, number>();
  const values: Readonly<Record<string, string>> = {
    "project/project-id": loggingMachine.project,
    "instance/id": loggingMachine.instanceId,
    "instance/zone": `projects/123456789012/zones/${loggingMachine.zone}`,
    "instance/service-accounts/default/token": JSON.stringify({
      access_token: machineToken,
      expires_in: 3599,
      token_type: "Bearer",
    }),
  };
  const metadataAddress = await serve(t, (request, response) => {
    const path = request.url?.replace("/computeMetadata/v1/", "") ?? "";
    asked.set(path, (asked.get(path) ?? 0) + 1);
    if (answers.silent?.includes(path) === true) return;
    const value =
      request.headers["metadata-flavor"] === "Google" ? (answers.metadata?.[path] ?? values[path]) : undefined;
    response.writeHead(value === undefined ? 404 : 200, { "metadata-flavor": "Google" }).end(value);
  });
  let requests = 0;
  const loggingAddress = await serve(t, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const status = answers.status?.(requests) ?? 200;
      requests += 1;
      const expected = request.method === "POST" && request.url === "/v2/entries:write";
      const known = request.headers.authorization === `Bearer ${machineToken}`;
      if (status === 200 && expected && known) taken.push(written.parse(JSON.parse(Buffer.concat(parts).toString())));
      response.writeHead(expected && known ? status : 403).end("{}");
    });
  });
  return { metadataAddress, loggingAddress, taken, asked };
}

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
