import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import * as grpc from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { CallError } from "./call-error.ts";
import { calls } from "./calls.ts";
import type { Calls } from "./calls.ts";
import type { Scope } from "./guard.ts";
import type { Journal } from "./journal.ts";
import { isOwnConnection } from "./peer.ts";
import type { StandIn } from "./provider.ts";

export interface ServedStandIn {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * The version that a stand-in tells; the engine attaches to it by name, whatever version a program asks for, and warns
 * of one that is lower than that: hence a number that no provider has.
 */
const version = "99.0.0-neko-lab";

/**
 * Serves one package's stand-in as a Pulumi provider on a free loopback port. Methods that no stand-in has (Handshake,
 * Construct, Call, …) answer UNIMPLEMENTED, which the engine knows how to take.
 *
 * Each connection is looked at once, when it comes in, and goes either to the stand-in or to a server that does nothing
 * but refuse: no call of another user ever gets near what acts.
 */
export async function serve(standIn: StandIn, scope: Scope, journal: Journal): Promise<ServedStandIn> {
  const stopping = new AbortController();
  const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
  const own = new grpc.Server(unlimited);
  own.addService(service.ResourceProviderService, handlers(calls(standIn, scope, journal, stopping.signal)));
  const others = new grpc.Server();
  others.addService(service.ResourceProviderService, refusals());
  const toOwn = own.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const toOthers = others.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const listener = createServer({ noDelay: true }, (socket) => {
    (isOwnConnection(socket) ? toOwn : toOthers).injectConnection(socket);
  });
  const port = await new Promise<number>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(0, "127.0.0.1", () => {
      resolve((listener.address() as AddressInfo).port);
    });
  });
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        stopping.abort();
        listener.close();
        others.forceShutdown();
        own.tryShutdown(() => {
          resolve();
        });
        // The engine's connections stay open between two operations; nothing is under way on them.
        setTimeout(() => {
          own.forceShutdown();
          resolve();
        }, 1_000).unref();
      }),
  };
}

type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>;

function handlers(answers: Calls): grpc.UntypedServiceImplementation {
  const served: grpc.UntypedServiceImplementation = {
    getPluginInfo: answering(() => pluginInfo()),
    getSchema: answering(() => schema(answers.packageName)),
    attach: answering(() => new empty.Empty()),
    cancel: answering(() => {
      answers.cancel();
      return new empty.Empty();
    }),
    checkConfig: answering(answers.checkConfig),
    diffConfig: answering(answers.diffConfig),
    configure: answering(answers.configure),
    check: answering(answers.check),
    diff: answering(answers.diff),
    create: answering(answers.create),
    read: answering(answers.read),
    update: answering(answers.update),
    delete: answering(answers.delete),
    invoke: answering(answers.invoke),
  };
  return Object.fromEntries(
    Object.keys(service.ResourceProviderService).map((name) => [name, served[name] ?? unimplemented(name)]),
  );
}

function answering<Request, Response>(
  answer: (request: Request, peer: string) => Promise<Response> | Response,
): Unary<Request, Response> {
  return (call, done) => {
    const answered = async (): Promise<Response> => await answer(call.request, call.getPeer());
    answered().then(
      (response) => {
        done(null, response);
      },
      (error: unknown) => {
        const code = error instanceof CallError ? error.code : grpc.status.UNKNOWN;
        done({ code, details: error instanceof Error ? error.message : String(error) });
      },
    );
  };
}

function pluginInfo(): plugin.PluginInfo {
  const info = new plugin.PluginInfo();
  info.setVersion(version);
  return info;
}

/** A package without resources: whoever asks learns the name; programs bring the real package's types. */
function schema(packageName: string): messages.GetSchemaResponse {
  const response = new messages.GetSchemaResponse();
  response.setSchema(JSON.stringify({ name: packageName, version }));
  return response;
}

function unimplemented(method: string): grpc.handleUnaryCall<unknown, unknown> {
  return (_call, done) => {
    done({ code: grpc.status.UNIMPLEMENTED, details: `neko-trust's stand-ins have no ${method}` });
  };
}

/** What everybody but the own user hears, whatever he calls. */
function refusals(): grpc.UntypedServiceImplementation {
  const refuse: grpc.handleUnaryCall<unknown, unknown> = (_call, done) => {
    done({
      code: grpc.status.PERMISSION_DENIED,
      details: "neko-trust's stand-ins serve only the user who started them; run the engine as that user",
    });
  };
  return Object.fromEntries(Object.keys(service.ResourceProviderService).map((name) => [name, refuse]));
}
