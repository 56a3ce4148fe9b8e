/** What a service of the lab answers to one request; the server writes it out. */
export interface ServiceAnswer {
  readonly status: number;
  readonly type: "application/json" | "application/timestamp-reply" | "text/plain";
  readonly body: Uint8Array | string;
  readonly location?: string;
  readonly etag?: string;
}

export interface ServiceRequest {
  readonly method: string;
  /** Path below the service's prefix, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly type: string;
  /** The header of that name, empty when there is none. */
  readonly authorization: string;
  readonly body: Buffer;
}

export type Service = (request: ServiceRequest) => ServiceAnswer;

export function json(status: number, value: unknown, location?: string): ServiceAnswer {
  return {
    status,
    type: "application/json",
    body: JSON.stringify(value),
    ...(location === undefined ? {} : { location }),
  };
}

/** An error as Sigstore's services write them (google.rpc.Status, and Rekor's Error). */
export function failed(status: number, message: string): ServiceAnswer {
  return json(status, { code: status, message });
}

export const notFound: ServiceAnswer = failed(404, "no such thing here");
