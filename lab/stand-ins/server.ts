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
import { peerGuard } from "./peer.ts";
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
 */
export async function serve(standIn: StandIn, scope: Scope, journal: Journal): Promise<ServedStandIn> {
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  const stopping = new AbortController();
  let port = 0;
  const isOwn = peerGuard(process.getuid?.() ?? -1, () => port);
  const answers = calls(standIn, scope, journal, stopping.signal);
  server.addService(service.ResourceProviderService, handlers(answers, isOwn));
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        stopping.abort();
        server.tryShutdown(() => {
          resolve();
        });
        // The engine's connections stay open between two operations; nothing is under way on them.
        setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, 1_000).unref();
      }),
  };
}

type Unary<Request, Response> = grpc.handleUnaryCall<Request, Response>;

function handlers(answers: Calls, isOwn: (peer: string) => boolean): grpc.UntypedServiceImplementation {
  const own = <Request, Response>(answer: (request: Request, peer: string) => Promise<Response> | Response) =>
    answering<Request, Response>(isOwn, answer);
  const served: grpc.UntypedServiceImplementation = {
    getPluginInfo: own(() => pluginInfo()),
    getSchema: own(() => schema(answers.packageName)),
    attach: own(() => new empty.Empty()),
    cancel: own(() => {
      answers.cancel();
      return new empty.Empty();
    }),
    checkConfig: own(answers.checkConfig),
    diffConfig: own(answers.diffConfig),
    configure: own(answers.configure),
    check: own(answers.check),
    diff: own(answers.diff),
    create: own(answers.create),
    read: own(answers.read),
    update: own(answers.update),
    delete: own(answers.delete),
    invoke: own(answers.invoke),
  };
  const all = Object.keys(service.ResourceProviderService);
  return Object.fromEntries(all.map((name) => [name, served[name] ?? unimplemented(name)]));
}

function answering<Request, Response>(
  isOwn: (peer: string) => boolean,
  answer: (request: Request, peer: string) => Promise<Response> | Response,
): Unary<Request, Response> {
  return (call, done) => {
    const peer = call.getPeer();
    const answered = async (): Promise<Response> => {
      if (!isOwn(peer)) {
        throw new CallError(
          grpc.status.PERMISSION_DENIED,
          "neko-trust's stand-ins serve only the user who started them",
        );
      }
      return await answer(call.request, peer);
    };
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
