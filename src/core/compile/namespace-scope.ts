/** Which namespaces are guarded. A namespace that is not guarded runs whatever it likes, so the list is explicit. */
export type NamespaceScope =
  /** All but these, by the name label that the API server itself sets and nobody can change. */
  | { readonly kind: "all-except"; readonly exempt: readonly string[] }
  | { readonly kind: "only"; readonly namespaces: readonly string[] }
  /** By labels: whoever may label a namespace decides whether it is guarded. */
  | { readonly kind: "labelled"; readonly labels: Readonly<Record<string, string>> };

/** A Kubernetes label selector over namespaces. */
export interface NamespaceSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: "In" | "NotIn"; values: string[] }[];
}

/** The label that the API server sets to a namespace's name. */
const nameLabel = "kubernetes.io/metadata.name";

/** The selector of a scope, sorted; `{}` selects every namespace. */
export function namespaceSelector(scope: NamespaceScope): NamespaceSelector {
  switch (scope.kind) {
    case "all-except":
      if (scope.exempt.length === 0) return {};
      return { matchExpressions: [{ key: nameLabel, operator: "NotIn", values: scope.exempt.toSorted() }] };
    case "only":
      return { matchExpressions: [{ key: nameLabel, operator: "In", values: scope.namespaces.toSorted() }] };
    case "labelled":
      return { matchLabels: Object.fromEntries(Object.entries(scope.labels).sort(([a], [b]) => (a < b ? -1 : 1))) };
  }
}

/** Whether a namespace is guarded, by its name and labels: what the selector says, for running workloads. */
export function inScope(
  scope: NamespaceScope,
  namespace: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  switch (scope.kind) {
    case "all-except":
      return !scope.exempt.includes(namespace.name);
    case "only":
      return scope.namespaces.includes(namespace.name);
    case "labelled":
      return Object.entries(scope.labels).every(([key, value]) => namespace.labels[key] === value);
  }
}
