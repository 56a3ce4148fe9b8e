/** Where the component mounts what the configuration names, and the ports; the lint holds a user's configuration to them. */
export const places = {
  port: 8080,
  attestationPort: 50_004,
  referencePort: 50_003,
  /** TLS of the HTTPS endpoint. */
  tls: "/etc/kbs/tls",
  tlsKey: "/etc/kbs/tls/tls.key",
  tlsCertificate: "/etc/kbs/tls/tls.crt",
  /** The key that signs attestation results, its chain, and the root that KBS trusts. */
  token: "/etc/kbs/token",
  tokenKey: "/etc/kbs/token/token.key",
  tokenChain: "/etc/kbs/token/chain.pem",
  tokenRoot: "/etc/kbs/token/ca.pem",
  admin: "/etc/kbs/admin",
  adminPublicKey: "/etc/kbs/admin/public.pem",
  config: "/etc/kbs/config",
  kbsConfig: "/etc/kbs/config/kbs.toml",
  attestationConfig: "/etc/kbs/config/attestation-service.json",
  referenceConfig: "/etc/kbs/config/reference-values.json",
  /** The persistent volume. */
  store: "/var/lib/kbs",
} as const;
