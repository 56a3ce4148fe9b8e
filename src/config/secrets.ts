import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { CiSecretsSettings } from "../../components/ci-secrets/settings.ts";
import type { KeyBrokerSettings } from "../../components/key-broker/settings.ts";
import type { Directories } from "../adapters/directories/directories.ts";
import { Failure } from "../core/failure.ts";
import { readLocalOverlay } from "./local-overlay.ts";
import { projectName } from "./read-config.ts";
import type { SecretKey, StackConfig } from "./stack-config.ts";

/** Reads secrets of a stack as secret outputs; none of them is looked at here. */
export interface StackSecrets {
  /** The stack's secret of that key. Throws SECRET_NOT_SET (usage) when it has none. */
  readonly required: (key: SecretKey) => pulumi.Output<string>;
  /** What KeyBroker needs, by its settings. */
  readonly ofBroker: (settings: KeyBrokerSettings) => ReturnType<typeof brokerSecrets>;
  /** The GitHub App that BuildRunners registers its runners with. */
  readonly ofRunners: () => Record<"id" | "installationId" | "privateKey", pulumi.Output<string>>;
  /** Values of CiSecrets, each from the source that its settings name, by `<environment>/<NAME>`; and what seals them. */
  readonly ofCi: (
    settings: CiSecretsSettings,
    provider: gcp.Provider,
  ) => { secrets: Record<string, pulumi.Output<string>>; sealingSeed?: pulumi.Output<string> };
}

/**
 * Where a stack's secrets come from: its own configuration; for stack local, the lab's, which are made with it. `offline`:
 * nothing can be decrypted, so that each is something that only an update knows.
 */
export function stackSecrets(
  config: StackConfig,
  context: { readonly directories: Directories; readonly offline: boolean },
): StackSecrets {
  const read = reader(config, context);
  const required = (key: string): pulumi.Output<string> => {
    const value = read(key);
    if (value === undefined) throw notSet(key);
    return value;
  };
  return {
    required,
    ofBroker: (settings) => brokerSecrets(settings, required),
    ofRunners: () => ({
      id: required("runnersAppId"),
      installationId: required("runnersAppInstallationId"),
      privateKey: required("runnersAppKey"),
    }),
    ofCi: (settings, provider) => {
      const values = settings.environments.flatMap((environment) =>
        environment.secrets.map(({ name, source }): [string, pulumi.Output<string>] => [
          `${environment.name}/${name}`,
          source.kind === "secretManager"
            ? fromSecretManager(source.version, provider, context.offline)
            : required(source.key),
        ]),
      );
      return {
        secrets: Object.fromEntries(values),
        ...(values.length === 0 ? {} : { sealingSeed: required("sealingSeed") }),
      };
    },
  };
}

/** As components/key-broker takes them. */
function brokerSecrets({ tls, trustee }: KeyBrokerSettings, required: StackSecrets["required"]) {
  return {
    credential: required("brokerCredential"),
    adminKey: required("brokerAdminKey"),
    tokenKey: required("brokerTokenKey"),
    tokenChain: required("brokerTokenChain"),
    tokenRoot: required("brokerTokenRoot"),
    ...(tls.kind === "given"
      ? {
          tls: {
            key: required("brokerTlsKey"),
            certificate: required("brokerTlsCertificate"),
            authority: required("brokerTlsAuthority"),
          },
        }
      : {}),
    ...(trustee.kind === "split" ? { postgresUrl: required("brokerPostgresUrl") } : {}),
  };
}

function reader(
  config: StackConfig,
  { directories, offline }: { readonly directories: Directories; readonly offline: boolean },
): (key: string) => pulumi.Output<string> | undefined {
  if (offline) return unknownSecret;
  if (config.policy.environment === "local") {
    const { secrets } = readLocalOverlay(directories.state);
    return (key) => (Object.hasOwn(secrets, key) ? pulumi.secret(secrets[key] ?? "") : undefined);
  }
  const own = new pulumi.Config(projectName);
  return (key) => own.getSecret(key);
}

function unknownSecret(): pulumi.Output<string> {
  return pulumi.secret(pulumi.output(pulumi.unknown as unknown as string));
}

/** `projects/<project>/secrets/<name>/versions/<number>`, as the settings' schema has it. */
function fromSecretManager(path: string, provider: gcp.Provider, offline: boolean): pulumi.Output<string> {
  if (offline) return unknownSecret();
  const [, project = "", , secret = "", , version = ""] = path.split("/");
  const found = gcp.secretmanager.getSecretVersionAccessOutput({ project, secret, version }, { provider });
  return pulumi.secret(found.secretData);
}

function notSet(key: string): Failure {
  return new Failure({
    code: "SECRET_NOT_SET",
    kind: "usage",
    message: `The stack has no secret "${key}".`,
    remedy: `Set it with: pulumi config set --secret ${projectName}:${key}`,
  });
}
