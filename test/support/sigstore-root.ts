import { writeJson } from "./sigstore-handmade.ts";

export interface RootWindow {
  start?: string;
  end?: string;
  [other: string]: unknown;
}

/** A trusted root's JSON, open for changes. */
export interface RootJson {
  mediaType: string;
  tlogs: { publicKey: { rawBytes: string; validFor?: RootWindow }; logId: { keyId: string } }[];
  ctlogs: RootJson["tlogs"];
  certificateAuthorities: {
    subject: { organization: string };
    certChain: { certificates: { rawBytes: string }[] };
    validFor?: RootWindow;
  }[];
  timestampAuthorities: RootJson["certificateAuthorities"];
  [other: string]: unknown;
}

/** A copy of the root with changes. */
export function changedRoot(bytes: Uint8Array, change: (root: RootJson) => void): Uint8Array {
  const root = JSON.parse(Buffer.from(bytes).toString()) as RootJson;
  change(root);
  return writeJson(root);
}
