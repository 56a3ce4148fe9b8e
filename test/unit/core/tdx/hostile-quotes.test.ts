import assert from "node:assert/strict";
import { test } from "node:test";
import type { Collateral, VerifiedQuote } from "../../../../src/core/tdx/contract.ts";
import { verifyQuote } from "../../../../src/core/tdx/verify-quote.ts";
import { signP1363 } from "../../../../lab/tdx/quote-writer.ts";
import { mutateBytes, mutateJson, randomFrom } from "../../../support/json-mutations.ts";
import type { Mutation, Random } from "../../../support/json-mutations.ts";
import { collateralOf, labPki, quoteOf, verifiedAt } from "../../../support/quotes.ts";

/**
 * Mutations of quotes and collateral: none may be accepted with another meaning, none may throw, and memory stays bounded.
 * 1,000 unless MUTATIONS says otherwise; MUTATION_SEED repeats a run.
 */
const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const mebibyte = 1024 * 1024;

const quote = quoteOf();
const collateral = collateralOf();

function verify(bytes: Uint8Array, change: Partial<Collateral> = {}): VerifiedQuote | undefined {
  const options = { at: verifiedAt, trust: labPki.trust };
  const verdict = verifyQuote(bytes, { ...collateral, ...change }, options);
  if (verdict.ok) return verdict.quote;
  assert.ok(verdict.faults.length > 0);
  return undefined;
}

const original = verify(quote);
assert.ok(original !== undefined, "the original is accepted, so that a refusal is the mutation's");

/** True when it was accepted, which it may be only with the same meaning. */
function accepted(found: VerifiedQuote | undefined, what: string): boolean {
  if (found !== undefined) assert.deepEqual(found, original, what);
  return found !== undefined;
}

interface Target {
  readonly name: string;
  readonly share: number;
  readonly original: Uint8Array;
  readonly json?: boolean;
  readonly judge: (mutation: Mutation) => boolean;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

const signedAgain = (name: "tcbInfo" | "qeIdentity"): Target => ({
  name: `${name}, signed again`,
  share: 0.15,
  original: Buffer.from(collateral[name]),
  json: true,
  // Intel may say something else: that it is read without a throw is all that can be asked.
  judge: ({ bytes }) => {
    const content = text(bytes);
    const signature = signP1363(Buffer.from(content), labPki.tcbSigning.privateKey);
    return verify(quote, { [name]: content, [`${name}Signature`]: signature }) !== undefined;
  },
});

const part = (name: keyof Collateral, share: number, json = false): Target => ({
  name,
  share,
  json,
  original: typeof collateral[name] === "string" ? Buffer.from(collateral[name]) : collateral[name],
  judge: ({ what, bytes }) =>
    accepted(verify(quote, { [name]: typeof collateral[name] === "string" ? text(bytes) : bytes }), what),
});

const targets: readonly Target[] = [
  { name: "quote", share: 0.3, original: quote, judge: ({ what, bytes }) => accepted(verify(bytes), what) },
  part("rootCaCrl", 0.05),
  part("pckCrl", 0.05),
  part("pckCrlIssuerChain", 0.05),
  part("tcbInfo", 0.05, true),
  part("tcbInfoSignature", 0.02),
  part("tcbInfoIssuerChain", 0.05),
  part("qeIdentity", 0.05, true),
  part("qeIdentitySignature", 0.02),
  part("qeIdentityIssuerChain", 0.05),
  signedAgain("tcbInfo"),
  signedAgain("qeIdentity"),
];

for (const target of targets) {
  const runs = Math.ceil(total * target.share);
  test(`${target.name}: ${runs} mutations, none accepted with another meaning, none throws (seed ${seed})`, (t) => {
    const random: Random = randomFrom(seed + target.name.length * 7919);
    const document: unknown = target.json === true ? JSON.parse(text(target.original)) : undefined;
    const before = process.memoryUsage().rss;
    let taken = 0;
    for (let run = 0; run < runs; run += 1) {
      const asJson = document !== undefined && run % 5 > 1;
      const mutation = asJson ? mutateJson(document, random) : mutateBytes(target.original, random);
      const what = `${target.name}, mutation ${run}: ${mutation.what}`;
      try {
        if (target.judge({ ...mutation, what })) taken += 1;
      } catch (error) {
        throw new Error(what, { cause: error });
      }
    }
    const grown = (process.memoryUsage().rss - before) / mebibyte;
    t.diagnostic(`${taken} of ${runs} accepted with the same meaning; memory grew by ${grown.toFixed(0)} MiB`);
    assert.ok(grown < 300, `memory grew by ${grown} MiB`);
    assert.ok(taken < runs * 0.8 + 2, `${taken} of ${runs} accepted`);
  });
}

test("every bit of what is signed counts", () => {
  const signed = 54 + 648;
  for (let at = 0; at < signed; at += 1) {
    const changed = Buffer.from(quote);
    changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
    assert.equal(verify(changed), undefined, `byte ${at}`);
  }
});
