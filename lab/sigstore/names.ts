/**
 * Names that the lab's trusted root and tokens carry. They are not addresses (`.test` never resolves, RFC 6761): the
 * services listen on a loopback port that may differ from start to start, and the trusted root must not.
 */
export const labNames = {
  /** The `iss` of the lab's identity tokens, which a policy for the lab names as a signer's issuer. */
  issuer: "https://token.neko-lab.test",
  fulcio: "https://fulcio.neko-lab.test",
  rekorV1: "https://rekor.neko-lab.test",
  rekorV2: "https://rekor-v2.neko-lab.test",
  ctLog: "https://ct.neko-lab.test",
  tsa: "https://tsa.neko-lab.test",
} as const;

/** Host of a log's name: what its checkpoints are signed as. */
export function originOf(name: string): string {
  return new URL(name).host;
}
