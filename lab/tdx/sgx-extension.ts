import { sgxExtension } from "../../src/core/tdx/pck-certificate.ts";
import type { PlatformData } from "../../src/core/tdx/pck-certificate.ts";
import { element, integer, objectIdentifier, octetString, sequence } from "../sigstore/der.ts";
import type { Extension } from "../sigstore/certificates.ts";

/** The platform that the lab simulates; its numbers look like real ones, its ids like none. */
export const labPlatform: PlatformData = {
  ppid: "6e656b6f2d6c61622d706c6174666f72",
  fmspc: "6e656b6f0000",
  pceId: "0000",
  components: [2, 2, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0],
  pceSvn: 13,
};

function member(path: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(`${sgxExtension}.${path}`), value);
}

/** The extension of a PCK certificate, as Intel writes it (Intel SGX PCK Certificate and CRL Profile Specification, 1.3.5). */
export function sgxExtensionOf(platform: PlatformData): Extension {
  const hex = (text: string): Buffer => octetString(Buffer.from(text, "hex"));
  const tcb = [
    ...platform.components.map((svn, index) => member(`2.${index + 1}`, integer(svn))),
    member("2.17", integer(platform.pceSvn)),
    member("2.18", octetString(Uint8Array.from(platform.components))),
  ];
  const sgxTypeScalable = element(0x0a, Buffer.of(1));
  return {
    id: sgxExtension,
    value: sequence(
      member("1", hex(platform.ppid)),
      member("2", sequence(...tcb)),
      member("3", hex(platform.pceId)),
      member("4", hex(platform.fmspc)),
      member("5", sgxTypeScalable),
    ),
  };
}
