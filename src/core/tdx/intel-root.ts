import type { QuoteTrust } from "./contract.ts";

/**
 * The key of "Intel SGX Root CA" (https://certificates.trustedservices.intel.com/IntelSGXRootCA.der, valid to 2049-12-31):
 * SubjectPublicKeyInfo, DER. The pin is the key, as a certificate may be renewed; every real chain of the test vectors ends here.
 */
const intelRootSpki =
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi71OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlA==";

/** Production: quotes end at Intel's root and nowhere else. Only lab/ and tests make another QuoteTrust. */
export const intelTrust: QuoteTrust = { rootSpki: Buffer.from(intelRootSpki, "base64") };
