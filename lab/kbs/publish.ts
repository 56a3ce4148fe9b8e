import { Failure } from "../../src/core/failure.ts";
import type { CompiledKeyBroker } from "../../src/core/compile/key-broker/compile.ts";
import { adminToken } from "../../src/core/kbs/admin-token.ts";
import type { AdminClaims } from "../../src/core/kbs/admin-token.ts";
import type { KbsService } from "./messages.ts";

export interface Publication {
  readonly compiled: Pick<CompiledKeyBroker, "requests" | "resources">;
  readonly credential: string | Uint8Array;
  readonly adminKey: string;
  readonly admin: AdminClaims;
  readonly now: Date;
}

/**
 * Publishes what the compiler made, then the credential, by the administrator's routes and in the order of the component's Job.
 * Throws LAB_KBS_PUBLICATION where the broker takes one of it not.
 */
export async function publishTo(service: KbsService, publication: Publication): Promise<void> {
  const { compiled, credential, adminKey, admin, now } = publication;
  const posts = [
    ...compiled.requests.map(({ path, body }) => ({ path, body: Buffer.from(body, "utf8") })),
    ...compiled.resources.map((path) => ({ path: `/kbs/v0/resource/${path}`, body: Buffer.from(credential) })),
  ];
  const authorization = `Bearer ${adminToken(adminKey, admin, now)}`;
  for (const { path, body } of posts) {
    const { status } = await service({ method: "POST", path, query: "", cookie: "", authorization, body });
    if (status === 200) continue;
    throw new Failure({
      code: "LAB_KBS_PUBLICATION",
      kind: "unavailable",
      message: `The lab's key broker answered HTTP ${status} to the publication of ${path}.`,
      remedy: "Compare `admin` of the stack's keyBroker with its configuration.",
    });
  }
}
