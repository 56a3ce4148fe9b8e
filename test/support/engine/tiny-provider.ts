import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import grpc from "@grpc/grpc-js";
import * as pulumi from "@pulumi/pulumi";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { answer, unimplemented } from "../../../dev/language-host/unary-grpc.ts";

/** What a `tiny` resource is made of; all of it ends up in the state. */
export interface ThingInputs {
  readonly value: pulumi.Input<string>;
  /** How long a create or an update takes. */
  readonly milliseconds?: pulumi.Input<number>;
  /** Makes create and update fail with this message. */
  readonly fault?: pulumi.Input<string>;
}

/** The one resource of the `tiny` package; `echo` is an output that equals `value`. */
export class Thing extends pulumi.CustomResource {
  // `declare`: a plain field would be defined after super() and hide the output that super() set.
  declare readonly echo: pulumi.Output<string>;

  constructor(name: string, inputs: ThingInputs, options?: pulumi.CustomResourceOptions) {
    super("tiny:index:Thing", name, { ...inputs, echo: undefined }, options);
  }
}

export interface TinyProvider {
  /** For PULUMI_DEBUG_PROVIDERS. */
  readonly attach: string;
  /** `<operation> <name>` of each change made, in order. */
  readonly done: readonly string[];
  stop(): void;
}

/**
 * Serves the `tiny` package in this process. Changing `value` updates, changing `milliseconds` replaces. With `ledger`
 * each finished change is also appended to that file, which outlives a killed process.
 */
export async function startTinyProvider(ledger?: string): Promise<TinyProvider> {
  const done: string[] = [];
  const record = (operation: string, urn: string): void => {
    const line = `${operation} ${urn.split("::").at(-1) ?? ""}`;
    done.push(line);
    if (ledger !== undefined) appendFileSync(ledger, `${line}\n`);
  };
  const server = new grpc.Server();
  server.addService(service.ResourceProviderService, {
    ...unimplemented(service.ResourceProviderService),
    attach: answer(() => new empty.Empty()),
    cancel: answer(() => new empty.Empty()),
    getPluginInfo: answer(() => new plugins.PluginInfo().setVersion("1.0.0")),
    checkConfig: answer((call: messages.CheckRequest) => new messages.CheckResponse().setInputs(call.getNews())),
    diffConfig: answer(() => new messages.DiffResponse()),
    configure: answer(() => new messages.ConfigureResponse().setSupportspreview(true)),
    check: answer((call: messages.CheckRequest) => new messages.CheckResponse().setInputs(call.getNews())),
    diff: answer((call: messages.DiffRequest) => {
      const olds = fields(call.getOldInputs());
      const news = fields(call.getNews());
      const changed = ["value", "milliseconds", "fault"].filter((key) => olds[key] !== news[key]);
      const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
      return new messages.DiffResponse()
        .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
        .setDiffsList(changed)
        .setReplacesList(changed.filter((key) => key === "milliseconds"));
    }),
    create: answer(async (call: messages.CreateRequest) => {
      const outputs = await make(fields(call.getProperties()), call.getPreview());
      if (!call.getPreview()) record("create", call.getUrn());
      return new messages.CreateResponse()
        .setId(`id-${Date.now()}`)
        .setProperties(struct.Struct.fromJavaScript(outputs));
    }),
    update: answer(async (call: messages.UpdateRequest) => {
      const outputs = await make(fields(call.getNews()), call.getPreview());
      if (!call.getPreview()) record("update", call.getUrn());
      return new messages.UpdateResponse().setProperties(struct.Struct.fromJavaScript(outputs));
    }),
    read: answer((call: messages.ReadRequest) =>
      new messages.ReadResponse().setId(call.getId()).setInputs(call.getInputs()).setProperties(call.getProperties()),
    ),
    delete: answer((call: messages.DeleteRequest) => {
      record("delete", call.getUrn());
      return new empty.Empty();
    }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    attach: `tiny:${port}`,
    done,
    stop: () => {
      server.forceShutdown();
    },
  };
}

async function make(inputs: Values, preview: boolean): Promise<Values> {
  if (preview) return inputs;
  await sleep(Number(inputs["milliseconds"] ?? 0));
  if (typeof inputs["fault"] === "string") throw new Error(inputs["fault"]);
  return { ...inputs, echo: inputs["value"] ?? null };
}

type Values = Record<string, struct.JavaScriptValue>;

function fields(properties: struct.Struct | undefined): Values {
  return properties?.toJavaScript() ?? {};
}
