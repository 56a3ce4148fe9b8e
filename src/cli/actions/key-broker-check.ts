import { tlsPin } from "../../core/kbs/trust.ts";
import { checkKeyBroker } from "../../operations/check-key-broker.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { checkLines } from "./check-lines.ts";
import { readInput } from "./files.ts";

export interface KeyBrokerCheckOptions {
  readonly tlsAuthority?: string;
  readonly tlsKey?: string;
  readonly resource: string;
}

/** The action of `key-broker check`. */
export async function keyBrokerCheckAction(
  url: string,
  options: KeyBrokerCheckOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { tlsAuthority: file, tlsKey, resource } = options;
  const authority = file === undefined ? undefined : Buffer.from(readInput("--tls-authority", file)).toString("utf8");
  const pin = tlsPin({
    ...(authority === undefined ? {} : { tlsAuthority: authority }),
    ...(tlsKey === undefined ? {} : { tlsKeySha256: tlsKey }),
  });
  const { signal, now, progress } = context;
  progress("asking the key broker what it gives to whoever can't attest …");
  const checks = await checkKeyBroker({ url, pin, resource, now, signal });
  const good = checks.every(({ state }) => state === "ok");
  return {
    exitCode: good ? exitCodes.done : exitCodes.refused,
    lines: [
      ...checks.flatMap(checkLines),
      good ? "The key broker gives nothing to who can't attest." : "✗ the key broker is not as it must be",
    ],
    document: { ok: good, checks },
  };
}
