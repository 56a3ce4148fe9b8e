import type { CompiledKeyBroker } from "../../src/core/compile/key-broker/compile.ts";
import type { AdminClaims } from "../../src/core/kbs/admin-token.ts";
import type { KbsAuthority } from "./authority.ts";
import { publishTo } from "./publish.ts";
import type { Rego } from "./rego.ts";
import { serveKbs } from "./server.ts";
import type { KbsServer } from "./server.ts";
import { makeKbsService } from "./service.ts";
import type { KbsVerification } from "./verification.ts";

export interface StartKbs {
  /** `kbsAuthorityOf(labSecrets(…))` (lab/stack-secrets.ts), so that the stack and the broker have the same keys. */
  readonly authority: KbsAuthority;
  readonly compiled: CompiledKeyBroker;
  /** `admin` of the stack's keyBroker. */
  readonly admin: AdminClaims;
  /** What an attested signer gets. */
  readonly credential: string | Uint8Array;
  /** The verifier of quotes, the lab's root and collateral, the replay of event logs: the one place where they are plugged in. */
  readonly verification: KbsVerification;
  /** Judges the policies; whoever gives it closes it. */
  readonly rego: Rego;
  /** 0 takes any. */
  readonly port: number;
  readonly log?: (line: string) => void;
}

/** The lab's key broker on loopback, configured and published to. Throws PORT_TAKEN, LAB_KBS_PUBLICATION. */
export async function startKbs(options: StartKbs): Promise<KbsServer> {
  const { authority, compiled, admin, credential, verification, rego, port, log } = options;
  const configuration = compiled.configs.kbs;
  const service = makeKbsService({
    authority,
    configuration,
    verification,
    rego,
    ...(log === undefined ? {} : { log }),
  });
  const { adminKey } = authority;
  await publishTo(service, { compiled, credential, adminKey, admin, now: new Date() });
  return serveKbs(service, authority, port);
}
