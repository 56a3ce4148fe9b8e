import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import type { Failure } from "../../core/failure.ts";
import { kbsRefused, kbsUnavailable } from "../../core/kbs/kbs-failure.ts";
import type { TlsPin } from "../../core/kbs/trust.ts";

/**
 * A TLS connection to the host of `url` that nothing was sent over yet, once the other end proved to be who is pinned. Directly:
 * no proxy is used, and no session of an earlier connection. Throws KBS_TLS_UNTRUSTED, KBS_UNREACHABLE, or the signal's reason.
 */
export function connectPinned(url: URL, pin: TlsPin, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect(optionsOf(url, pin));
    const end = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", end, { once: true });
    const settle = (work: () => void): void => {
      signal.removeEventListener("abort", end);
      work();
    };
    socket.once("error", (error: Error) => {
      settle(() => {
        reject(connectionFailure(socket, error));
      });
    });
    socket.once("secureConnect", () => {
      settle(() => {
        if (isPinned(socket, pin)) {
          resolve(socket);
          return;
        }
        socket.destroy();
        reject(untrusted("it has another key than the pinned one"));
      });
    });
  });
}

function optionsOf(url: URL, pin: TlsPin): ConnectionOptions {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    host,
    port: url.port === "" ? 443 : Number(url.port),
    // RFC 6066, section 3: an address is no server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    // With a pinned key, the handshake proves that the other end has it; who issued a certificate for it adds nothing.
    ...(pin.kind === "authority" ? { ca: pin.pem, rejectUnauthorized: true } : { rejectUnauthorized: false }),
  };
}

function isPinned(socket: TLSSocket, pin: TlsPin): boolean {
  if (pin.kind === "authority") return socket.authorized;
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
  return spki !== undefined && createHash("sha256").update(spki).digest("hex") === pin.spkiSha256;
}

/** Codes alone: the texts quote names of certificates, which anybody may have written. */
function connectionFailure(socket: TLSSocket, error: Error): Failure {
  const code = "code" in error && typeof error.code === "string" ? error.code : "no code";
  // Set when the certificate was judged; its type says Error, but it is the code.
  const judged = socket.authorizationError as unknown;
  if (judged !== undefined && judged !== null) return untrusted(code);
  return kbsUnavailable(
    "KBS_UNREACHABLE",
    `The key broker can't be reached over TLS (${code}).`,
    "Check its address and the network's rules, and that it runs.",
  );
}

function untrusted(why: string): Failure {
  return kbsRefused(
    "KBS_TLS_UNTRUSTED",
    `The other end of the connection is not the pinned key broker: ${why}.`,
    "Compare the pinned root or key with the broker's certificate, and the name in it with the address.",
  );
}
