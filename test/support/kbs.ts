import { createHash } from "node:crypto";
import type { TestContext } from "node:test";
import { makeKbsAuthority } from "../../lab/kbs/authority.ts";
import type { KbsAuthority } from "../../lab/kbs/authority.ts";
import type { KbsHttpAnswer, KbsHttpRequest, KbsService } from "../../lab/kbs/messages.ts";
import { publishTo } from "../../lab/kbs/publish.ts";
import type { Rego } from "../../lab/kbs/rego.ts";
import { serveKbs } from "../../lab/kbs/server.ts";
import type { KbsServer } from "../../lab/kbs/server.ts";
import { makeKbsService } from "../../lab/kbs/service.ts";
import type { KbsServiceOptions } from "../../lab/kbs/service.ts";
import type { KbsVerification } from "../../lab/kbs/verification.ts";
import { fetchResource } from "../../src/adapters/kbs/fetch-resource.ts";
import type { FetchedResource, ResourceRequest } from "../../src/adapters/kbs/fetch-resource.ts";
import { compile } from "../../src/core/compile/key-broker/compile.ts";
import type { CompiledKeyBroker } from "../../src/core/compile/key-broker/compile.ts";
import { adminToken } from "../../src/core/kbs/admin-token.ts";
import { kbsTrust } from "../../src/core/kbs/trust.ts";
import type { Attester, Collateral, QuoteVerdict, ReplayedLog, TdReport } from "../../src/core/tdx/contract.ts";
import { caseMeasurements, caseReleases, caseSettings, signerPolicy } from "./key-broker.ts";

/**
 * The lab's key broker with a verifier that takes every quote of version 4 at its word: what quotes prove is tested elsewhere
 * (src/core/tdx), and what the broker makes of a verified quote is tested here.
 */

export const credential = "the authority to publish, which no message may show";
export const resource = "default/credential/registry";

const zeros = (bytes: number): string => "00".repeat(bytes);

export type QuotedReport = Omit<TdReport, "reportData" | "teeTcbSvn">;

/** A trust domain as the compiled cases expect it. */
export const goodReport: QuotedReport = {
  mrSeam: "5e".repeat(48),
  mrSignerSeam: zeros(48),
  seamAttributes: zeros(8),
  tdAttributes: "0000001000000000",
  xfam: "e700060000000000",
  mrtd: caseSettings.tee.mrtd[0] ?? "",
  mrConfigId: zeros(48),
  mrOwner: zeros(48),
  mrOwnerConfig: zeros(48),
  rtmr0: caseSettings.tee.rtmr0[0] ?? "",
  rtmr1: caseMeasurements.one.rtmr1,
  rtmr2: caseMeasurements.one.rtmr2,
  rtmr3: zeros(48),
};

const bodyFields = [
  "mrSeam",
  "mrSignerSeam",
  "seamAttributes",
  "tdAttributes",
  "xfam",
  "mrtd",
  "mrConfigId",
  "mrOwner",
  "mrOwnerConfig",
  "rtmr0",
  "rtmr1",
  "rtmr2",
  "rtmr3",
] as const;

/** Header and body of a quote of version 4 (facts: Intel TDX DCAP, appendix A.3), without signature. */
export function unsignedQuote(reportData: Uint8Array, changes: Partial<QuotedReport> = {}): Buffer {
  const report = { ...goodReport, ...changes };
  const header = Buffer.alloc(48);
  header.writeUInt16LE(4, 0);
  header.writeUInt16LE(2, 2);
  header.writeUInt32LE(0x81, 4);
  header.write("939a7233f79c4ca9940a0db3957f0607", 12, "hex");
  const body = bodyFields.map((name) => Buffer.from(report[name], "hex"));
  return Buffer.concat([header, Buffer.from("0b010400000000000000000000000000", "hex"), ...body, reportData]);
}

function unsignedVerdict(quote: Uint8Array): QuoteVerdict {
  if (quote.length !== 632) {
    const fault = { code: "QUOTE_TRUNCATED", subject: "quote", expected: "632 bytes", found: String(quote.length) };
    return { ok: false, faults: [fault] };
  }
  let at = 48 + 16;
  const fields: Record<string, string> = {};
  for (const name of bodyFields) {
    const size = goodReport[name].length / 2;
    fields[name] = Buffer.from(quote.subarray(at, at + size)).toString("hex");
    at += size;
  }
  const report = { ...goodReport, ...fields, teeTcbSvn: quote.subarray(48, 64), reportData: quote.subarray(568) };
  return {
    ok: true,
    quote: {
      version: 4,
      report,
      ppid: caseSettings.tee.platforms[0] ?? "",
      fmspc: "00806f050000",
      pceId: "0000",
      tcb: { status: "UpToDate", date: new Date("2026-02-11T00:00:00Z"), advisories: [], evaluation: 20 },
      expires: new Date("2027-12-20T00:00:00Z"),
    },
  };
}

const nothing = new Uint8Array();
const noCollateral: Collateral = {
  rootCaCrl: nothing,
  pckCrl: nothing,
  pckCrlIssuerChain: "",
  tcbInfo: "",
  tcbInfoSignature: nothing,
  tcbInfoIssuerChain: "",
  qeIdentity: "",
  qeIdentitySignature: nothing,
  qeIdentityIssuerChain: "",
};

/** A log in these tests is its registers, as JSON. */
export const eventLog = (registers: Partial<QuotedReport> = {}): Buffer =>
  Buffer.from(JSON.stringify({ ...goodReport, ...registers }));

function replay(bytes: Uint8Array): ReplayedLog | undefined {
  try {
    const { rtmr0, rtmr1, rtmr2, rtmr3 } = JSON.parse(Buffer.from(bytes).toString("utf8")) as QuotedReport;
    return { registers: { rtmr0, rtmr1, rtmr2, rtmr3 }, events: [] };
  } catch {
    return undefined;
  }
}

export const trustingVerification: KbsVerification = {
  verifyQuote: unsignedVerdict,
  trust: { rootSpki: nothing },
  collateral: { collateralFor: () => Promise.resolve(noCollateral) },
  replay,
};

/** A trust domain that measured what the compiled cases expect, unless changed. */
export const attesterOf = (changes: Partial<QuotedReport> = {}, log = eventLog(changes)): Attester => ({
  attest: (reportData) => Promise.resolve({ quote: unsignedQuote(reportData, changes), eventLog: log }),
});

export const compiled: CompiledKeyBroker = compile(signerPolicy(), caseReleases, caseSettings);

/** Affirms and allows, or not: for what is not about policies. Real ones are judged in test/peers. */
export const scriptedRego = (executables = 3, allow: (data: unknown) => boolean = () => true): Rego => ({
  evaluate: ({ query, data }) =>
    Promise.resolve(
      query === "data.policy.allow" ? allow(data) : { executables, hardware: 2, configuration: 2, "file-system": 0 },
    ),
  close: () => undefined,
});

export const labAuthority: KbsAuthority = makeKbsAuthority(new Date());

export const trust = kbsTrust(
  { tlsAuthority: labAuthority.tlsAuthority, tokenAuthority: labAuthority.tokenRoot },
  "local",
);

export const adminClaims = { issuer: "neko-trust", audience: "kbs", role: "kbs-admin", minutes: 20 };

export const adminRequest = (path: string, body: string | Buffer, now = new Date()): KbsHttpRequest => ({
  method: "POST",
  path,
  query: "",
  cookie: "",
  authorization: `Bearer ${adminToken(labAuthority.adminKey, adminClaims, now)}`,
  body: Buffer.from(body),
});

/** What the compiler made, and the credential, as the component's Job posts them. */
export const publish = (service: KbsService, now = new Date(), broker = compiled): Promise<void> =>
  publishTo(service, { compiled: broker, credential, adminKey: labAuthority.adminKey, admin: adminClaims, now });

export type Seen = KbsHttpRequest & { readonly answer: KbsHttpAnswer };

export interface LabKbs extends KbsServer {
  readonly service: KbsService;
  readonly seen: readonly Seen[];
  /** The broker's own log. */
  readonly logged: readonly string[];
  /** Fetches as the signer does. */
  readonly fetch: (changes?: Partial<ResourceRequest>) => Promise<FetchedResource>;
}

export interface LabKbsOptions extends Partial<KbsServiceOptions> {
  /** A hostile broker: what it answers instead, after the good one did its work. */
  readonly alter?: (answer: KbsHttpAnswer, request: KbsHttpRequest) => KbsHttpAnswer | Promise<KbsHttpAnswer>;
  /** Whose TLS key and certificate it has. */
  readonly tls?: KbsAuthority;
  readonly unpublished?: boolean;
}

/** A broker over TLS on loopback, published to, until the test ends. */
export async function startLabKbs(t: TestContext, options: LabKbsOptions = {}): Promise<LabKbs> {
  const logged: string[] = [];
  const seen: Seen[] = [];
  const service = makeKbsService({
    authority: labAuthority,
    configuration: compiled.configs.kbs,
    verification: trustingVerification,
    rego: scriptedRego(),
    log: (line) => logged.push(line),
    ...options,
  });
  if (options.unpublished !== true) await publish(service, options.now?.() ?? new Date());
  const answering: KbsService = async (request) => {
    const good = await service(request);
    const answer = (await options.alter?.(good, request)) ?? good;
    seen.push({ ...request, answer });
    return answer;
  };
  const server = await serveKbs(answering, options.tls ?? labAuthority, 0);
  t.after(server.stop);
  const fetch = (changes: Partial<ResourceRequest> = {}): Promise<FetchedResource> =>
    fetchResource({
      url: server.url,
      trust,
      resource,
      attester: attesterOf(),
      now: () => new Date(),
      retries: 0,
      ...changes,
    });
  return { ...server, service, seen, logged, fetch };
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
