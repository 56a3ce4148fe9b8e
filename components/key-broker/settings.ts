import { z } from "zod";
import { labelKeySchema } from "../../src/core/kubernetes-labels.ts";
import { brokerResourceSchema, teeRulesSchema } from "../../src/core/compile/key-broker/rules.ts";

/** KeyBroker's part of a stack's configuration: where Trustee runs, who reaches it, and whom it gives the credential. */

const label = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes");
const labelValue = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, "must be a label value");
const labels = z.record(labelKeySchema, labelValue).refine((map) => Object.keys(map).length > 0, "must name a label");
const quantity = z.string().regex(/^[1-9][0-9]*(?:m|Mi|Gi)?$/, "must be a Kubernetes quantity: 500m, 512Mi, 1Gi");
const host = z
  .string()
  .max(253)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/, "must be a host name");
const token = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, "must be letters, digits and . _ : / -");

const octet = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])";
const cidr = z
  .string()
  .regex(
    new RegExp(`^(?:${octet}(?:\\.${octet}){3}/(?:[89]|[12][0-9]|3[0-2])|placeholder(?:-[a-z0-9]+)+)$`),
    "must be an IPv4 network of /8 or smaller, for example 10.8.0.0/24",
  );

/** Who may connect, or what may be connected to. A namespace without pods would be everything in it: name the pods. */
const peer = z.union([z.strictObject({ cidr }), z.strictObject({ namespace: label(63), pods: labels })], {
  error: "must be { cidr } or { namespace, pods: { label: value } }",
});
export type Peer = z.infer<typeof peer>;

const trustee = z.discriminatedUnion("kind", [
  z.strictObject({
    /** One pod: KBS with the attestation service in its process, and a volume. */
    kind: z.literal("built-in"),
    volume: z.strictObject({ size: quantity, storageClass: label(63) }),
  }),
  z.strictObject({
    /** KBS, attestation service and RVPS in each of several pods, and a PostgreSQL. */
    kind: z.literal("split"),
    replicas: z.int().min(2).max(9),
    postgres: z.strictObject({ peers: z.array(peer).min(1), port: z.int().min(1).max(65_535) }),
  }),
]);

const tls = z.discriminatedUnion("kind", [
  /** Certificate and key come as the stack's secrets. */
  z.strictObject({ kind: z.literal("given") }),
  z.strictObject({
    /** A Secret that a cert-manager Certificate in the namespace keeps: tls.crt, tls.key, ca.crt. */
    kind: z.literal("secret"),
    name: label(63),
    /** A ConfigMap with ca.crt, as trust-manager makes it; a gateway needs it to verify the broker. */
    authority: label(63).optional(),
  }),
]);

/** The way in from outside: exactly the three routes of a client, never an administrator's. */
const gateway = z.strictObject({
  /** The Gateway (gateway.networking.k8s.io) that the route is attached to. */
  name: label(63),
  namespace: label(63),
  /** Its listener: one with TLS. */
  section: label(63),
  hostname: host,
});

const shape = z.strictObject({
  /** Starts the name of every object. */
  name: label(40),
  /** Made by the component, under Pod Security "restricted"; whoever may write there is the broker. */
  namespace: label(63),
  trustee,
  tls,
  tee: teeRulesSchema,
  collateral: z.strictObject({
    /** Intel's PCS, or a PCCS of one's own. */
    service: z.string().regex(/^https:\/\/[^\s@?#]+\/$/, "must be an https:// address that ends in /"),
    /** `standard` follows Intel's date for a recovery, `early` its publication. */
    update: z.enum(["standard", "early"]),
    /** Where it lies, for the NetworkPolicy. */
    peers: z.array(peer).min(1),
    port: z.int().min(1).max(65_535),
  }),
  /** Minutes that an attestation result is good for. */
  tokenMinutes: z.int().min(1).max(30),
  credential: z.strictObject({
    ...brokerResourceSchema.shape,
    /** The day that the credential was made: a new day publishes it anew. */
    rotated: z.iso.date({ message: "must be a day: 2026-11-23" }),
  }),
  admin: z.strictObject({
    issuer: token,
    audience: token,
    role: token,
    /** Minutes that the token of one publication is good for; the pods have to be ready within. */
    minutes: z.int().min(5).max(60),
    /** Raise it to publish again with a new token: after a failure, a restore, or a new administrator's key. */
    publication: z.int().min(1).max(1_000_000),
  }),
  network: z.strictObject({
    /** Who may connect to the broker: the gateway's pods, the signer's network. */
    clients: z.array(peer).min(1),
    dns: z.strictObject({ namespace: label(63), pods: labels }),
  }),
  gateway: gateway.optional(),
  resources: z.strictObject({ cpu: quantity, memory: quantity }),
  /** A KBS configuration of one's own (TOML) instead of the compiled one; every insecure setting refuses it. */
  config: z.string().min(1).max(65_536).optional(),
  /** `keep`: namespace and volume are protected, and stay in the cluster when they leave the program. */
  onDestroy: z.enum(["keep", "delete"]),
});

export const keyBrokerSettingsSchema = shape.superRefine((settings, context) => {
  if (settings.gateway !== undefined && settings.tls.kind === "secret" && settings.tls.authority === undefined) {
    const message = "must name a ConfigMap with ca.crt while a gateway is set: the gateway verifies the broker with it";
    context.addIssue({ code: "custom", path: ["tls", "authority"], message });
  }
});
export type KeyBrokerSettings = z.infer<typeof keyBrokerSettingsSchema>;
