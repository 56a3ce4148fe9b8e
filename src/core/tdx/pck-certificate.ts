import { reasonOf } from "../failure.ts";
import type { Certificate } from "./certificate.ts";
import { derIdentifier, derNumber, derParts, derTags, readDer, tagged } from "./der.ts";
import type { DerElement } from "./der.ts";
import { faulty, judged } from "./fault.ts";
import type { Judged } from "./fault.ts";

/** What Intel certified of a platform (Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5). */
export interface PlatformData {
  /** Provisioning ID, 32 hex digits. */
  readonly ppid: string;
  /** Family, model, stepping, platform type and custom SKU, 12 hex digits. */
  readonly fmspc: string;
  /** The provisioning certification enclave's id, 4 hex digits. */
  readonly pceId: string;
  /** SVNs of the 16 SGX components. */
  readonly components: readonly number[];
  readonly pceSvn: number;
}

export const sgxExtension = "1.2.840.113741.1.13.1";
const componentCount = 16;

/** Reads the SGX extension of a PCK certificate. Refuses with CERTIFICATE_PLATFORM_DATA. */
export function readPlatformData(certificate: Certificate, subject: string): Judged<PlatformData> {
  try {
    return judged(decode(certificate.extensions.get(sgxExtension)));
  } catch (error) {
    return faulty("CERTIFICATE_PLATFORM_DATA", subject, `the SGX extension (${sgxExtension})`, reasonOf(error));
  }
}

function decode(value: Uint8Array | undefined): PlatformData {
  if (value === undefined) throw new Error("it has none");
  const members = readMembers(readDer(value), sgxExtension);
  const tcb = readMembers(required(members, "2"), `${sgxExtension}.2`);
  return {
    ppid: octets(required(members, "1"), 16),
    fmspc: octets(required(members, "4"), 6),
    pceId: octets(required(members, "3"), 2),
    components: Array.from({ length: componentCount }, (_, index) => derNumber(required(tcb, `${index + 1}`), 255)),
    pceSvn: derNumber(required(tcb, "17"), 65_535),
  };
}

/** SEQUENCE OF SEQUENCE { identifier below `arc`, value }: values by what follows the arc. Others than asked for are left alone. */
function readMembers(list: DerElement, arc: string): Map<string, DerElement> {
  const members = new Map<string, DerElement>();
  for (const member of derParts(tagged(list, derTags.sequence))) {
    const [identifier, value, ...more] = derParts(tagged(member, derTags.sequence));
    const id = derIdentifier(identifier);
    if (!id.startsWith(`${arc}.`) || value === undefined || more.length > 0)
      throw new Error(`it is malformed at ${id}`);
    const name = id.slice(arc.length + 1);
    if (members.has(name)) throw new Error(`it has ${id} twice`);
    members.set(name, value);
  }
  return members;
}

function required(members: ReadonlyMap<string, DerElement>, name: string): DerElement {
  const found = members.get(name);
  if (found === undefined) throw new Error(`its member .${name} is missing`);
  return found;
}

function octets(element: DerElement, length: number): string {
  const { content } = tagged(element, derTags.octetString);
  if (content.length !== length) throw new Error(`it has ${content.length} bytes where ${length} belong`);
  return Buffer.from(content).toString("hex");
}
