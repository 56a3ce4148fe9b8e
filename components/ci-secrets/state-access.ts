import { celString } from "../../src/core/compile/workload-identity/cel.ts";

/** Which objects of a bucket a role is for, as a condition of IAM. Pure: nobody writes such an expression by hand. */

/** A role on a bucket, held to some of its objects. */
export interface ConditionalRole {
  readonly role: string;
  /** Tells one from another of the same grant; ends the resource's name. */
  readonly name: string;
  /** cloud.google.com/iam/docs/conditions-overview: titles of 100 characters at most, 12 logical operators. */
  readonly condition: { readonly title: string; readonly description: string; readonly expression: string };
}

/** Where the state of one stack lies. */
export interface StackState {
  readonly bucket: string;
  /** As a backend of one's own names it: `organization/<project>/<stack>`. */
  readonly stack: string;
}

const viewer = "roles/storage.objectViewer";

/** What of a stack lies where; github.com/pulumi/pulumi/pkg/v3 3.259, backend/diy, project mode (meta.yaml version 1). */
export function stateObjects(stack: string) {
  const [, project = "", name = ""] = stack.split("/");
  return {
    /** state.go `stackPath`, `backupTarget`: `.json`, in `.json.bak` the one before, in `.json.gz` and `.json.zst` compressed. */
    state: `.pulumi/stacks/${project}/${name}.json`,
    /** stack_tags.go `stackTagsPath`; read by every preview and update. */
    tags: `.pulumi/stacks/${project}/${name}.pulumi-tags`,
    /** store.go `HistoryDir`, `BackupDir`, and lock.go `stackLockDir`: each a folder of the stack's own. */
    folders: [`.pulumi/history/${project}/${name}/`, `.pulumi/backups/${project}/${name}/`, `.pulumi/locks/${stack}/`],
    /** meta.go: how the whole bucket is laid out. Whoever wrote it could have all stacks looked for elsewhere. */
    meta: ".pulumi/meta.yaml",
  };
}

/**
 * A role on a stack's state → what it takes. A plan locks nothing and writes nothing (backend.go, `Preview`): to read, the
 * state, its tags and meta.yaml are enough. To write takes the stack's folders, too; never meta.yaml.
 */
export function stateRoles({ bucket, stack }: StackState, role: string): ConditionalRole[] {
  const { state, tags, folders, meta } = stateObjects(stack);
  const objects = [startsWith(bucket, state), equals(bucket, tags)];
  // A name's beginning can hold another stack's only if that one's has a dot, which the schema has in no stack.
  const lists = [state, ...(role === viewer ? [] : folders)].map(listsUnder);
  const condition = (what: string, alternatives: readonly string[]) => ({
    title: `${what} of ${stack}`,
    description: "Compiled by neko-trust from the stack's name.",
    expression: alternatives.join(" || "),
  });
  if (role === viewer) {
    return [{ role, name: "state", condition: condition("state", [...objects, equals(bucket, meta), ...lists]) }];
  }
  const own = [...objects, ...folders.map((folder) => startsWith(bucket, folder))];
  return [
    { role, name: "state", condition: condition("state", [...own, ...lists]) },
    { role: viewer, name: "layout", condition: condition("layout", [equals(bucket, meta)]) },
  ];
}

/** To read one object, and nothing else; not even to see what else there is. */
export function oneObjectRole(bucket: string, object: string, title: string): ConditionalRole {
  const expression = equals(bucket, object);
  return {
    role: viewer,
    name: "approval",
    condition: { title, description: `Compiled by neko-trust: ${object} alone.`, expression },
  };
}

/** cloud.google.com/iam/docs/conditions-resource-attributes: the name of an object in Cloud Storage. */
const objectName = (bucket: string, object: string): string =>
  celString(`projects/_/buckets/${bucket}/objects/${object}`);

function startsWith(bucket: string, prefix: string): string {
  return `resource.name.startsWith(${objectName(bucket, prefix)})`;
}

function equals(bucket: string, object: string): string {
  return `resource.name == ${objectName(bucket, object)}`;
}

/** Listing is asked of the bucket, whose name says nothing of objects: the prefix that is asked for stands in an attribute. */
function listsUnder(prefix: string): string {
  return `api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith(${celString(prefix)})`;
}
