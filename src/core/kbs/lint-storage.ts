import { isTable, isText, tableAt } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/** Where policies, reference values, secrets and sessions lie, and what is served: [storage_backend] and [[plugins]]. */
export function lintStorage(document: Table, report: Report): void {
  const backend = tableAt(document, "storage_backend");
  const at = "storage_backend.storage_type";
  switch (backend["storage_type"]) {
    case "LocalFs":
    case "local_fs":
      if (!isText(tableAt(backend, "backends.local_fs")["dir_path"])) {
        const why = "Without a folder of its own, it lies in the image's file system.";
        report("STORAGE_VOLATILE", "storage_backend.backends.local_fs.dir_path", why, "Name the volume's folder.");
      }
      break;
    case "Postgres":
    case "postgres":
      break;
    default: {
      const why =
        "Without LocalFs or Postgres, a restart brings Trustee's own policies back, which release to nearly anybody.";
      report("STORAGE_VOLATILE", at, why, 'Write storage_type = "LocalFs" or "Postgres".');
    }
  }
  const password = tableAt(backend, "backends.postgres")["password"];
  if (password !== undefined) {
    const why = "The configuration is no secret.";
    const remedy = "Remove it: the connection comes out of a Secret, in POSTGRES_URL.";
    report("SECRET_IN_CONFIG", "storage_backend.backends.postgres.password", why, remedy);
  }
  lintPlugins(document["plugins"], report);
}

function lintPlugins(plugins: unknown, report: Report): void {
  const tables = Array.isArray(plugins) ? plugins.filter(isTable) : [];
  for (const [index, plugin] of tables.entries()) {
    if (plugin["name"] !== "resource") {
      const why = "Only the plugin `resource` is bound by the compiled resource policy.";
      report("PLUGIN_UNCHECKED", `plugins.${index}.name`, why, 'Remove it, or write name = "resource".');
    } else if (plugin["storage_backend_type"] !== undefined && plugin["storage_backend_type"] !== "kvstorage") {
      const why = "What another backend releases, and over which connection, is not checked here.";
      report("PLUGIN_UNCHECKED", `plugins.${index}.storage_backend_type`, why, 'Write "kvstorage".');
    }
  }
  if (!tables.some((plugin) => plugin["name"] === "resource")) {
    const why = "Nothing serves the credential.";
    report("PLUGIN_MISSING", "plugins", why, 'Write [[plugins]] with name = "resource".');
  }
}
