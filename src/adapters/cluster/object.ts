/** A Kubernetes object as JSON: what every object has, and the rest as it comes. */
export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: ObjectMetadata;
  readonly [key: string]: unknown;
}

export interface ObjectMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly [key: string]: unknown;
}

/** Which object: enough to find it on an API server. `namespace` defaults to `default` for namespaced kinds. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** `Pod app/web`, for messages. */
export function describeReference(reference: ObjectReference): string {
  const place = reference.namespace === undefined ? reference.name : `${reference.namespace}/${reference.name}`;
  return `${reference.kind} ${place}`;
}
