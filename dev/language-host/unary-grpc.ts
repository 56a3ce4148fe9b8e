import grpc from "@grpc/grpc-js";

/** A handler of one gRPC method: what `work` throws is told to the caller. */
export function answer<Request, Response>(
  work: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve(call.request)
      .then(work)
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) });
        },
      );
  };
}

/** Handlers that answer UNIMPLEMENTED to every method of a service, to be overwritten by those that there are. */
export function unimplemented(methods: object): grpc.UntypedServiceImplementation {
  const refuse: grpc.handleUnaryCall<unknown, unknown> = (_call, callback) => {
    callback({ code: grpc.status.UNIMPLEMENTED });
  };
  return Object.fromEntries(Object.keys(methods).map((name) => [name, refuse]));
}
