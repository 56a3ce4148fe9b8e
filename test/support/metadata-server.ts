import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** What ConfidentialSigner writes for a signer's machine, and what Compute Engine adds. */
export const signerAttributes = {
  "neko-trust-repository": "ghcr.io/m1k1o/neko/base",
  "neko-trust-key-broker-url": "https://kbs.example.org/kbs",
  "neko-trust-key-broker-resource": "default/credential/registry",
  "neko-trust-collateral-url": "https://api.trustedservices.intel.com/sgx/certification/v4",
  "neko-trust-timestamp-url": "https://timestamp.sigstore.dev/api/v1/timestamp",
  "enable-oslogin": "true",
};

export interface MetadataAnswer {
  readonly body?: unknown;
  readonly text?: string;
  readonly status?: number;
  readonly flavor?: string;
}

/** A metadata server's address; what it is asked must have Google's header. Stops when the test ends. */
export async function startMetadataServer(t: TestContext, answer: MetadataAnswer): Promise<string> {
  const { body = signerAttributes, text, status = 200, flavor = "Google" } = answer;
  const serving = createServer((request, response) => {
    const asked = request.url === "/computeMetadata/v1/instance/attributes/?recursive=true";
    const known = asked && request.headers["metadata-flavor"] === "Google";
    response.writeHead(known ? status : 403, { "metadata-flavor": flavor });
    response.end(text ?? JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    serving.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => serving.close());
  return `http://127.0.0.1:${(serving.address() as AddressInfo).port}`;
}
