import { status } from "@grpc/grpc-js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { CallError, printable, refused } from "./call-error.ts";
import { diffResponse } from "./diff-response.ts";
import { refusalOf } from "./guard.ts";
import type { Scope, ScopedCall } from "./guard.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { Context, Existing, Resource, StandIn } from "./provider.ts";
import { changesBetween } from "./wire/changes.ts";
import { secretTexts } from "./wire/secrets.ts";
import { fromStruct, toStruct } from "./wire/struct.ts";
import { parseUrn } from "./wire/urn.ts";
import type { ValueMap } from "./wire/values.ts";

/** The provider's methods, each within the scope, each change in the journal. `peer` names the connection. */
export type Calls = ReturnType<typeof calls>;

type Struct = ReturnType<typeof toStruct>;

export function calls(standIn: StandIn, scope: Scope, journal: Journal, stopping: AbortSignal) {
  /** The settings of the provider resource behind each connection; the engine opens one for each. */
  const configured = new Map<string, ValueMap>();
  let cancelling = new AbortController();

  /** Refuses what is outside the scope, and takes secrets out of what goes wrong inside it. */
  const within = async <T>(
    call: ScopedCall,
    structs: readonly (Struct | undefined)[],
    act: () => T | Promise<T>,
  ): Promise<T> => {
    const reason = refusalOf(scope, call);
    if (reason !== undefined) {
      journal.recordRefusal({ refused: call.method, reason, ...(call.urn === undefined ? {} : { urn: call.urn }) });
      throw refused(standIn.packageName, call.method, reason);
    }
    try {
      return await act();
    } catch (error) {
      throw printable(error, secretTexts(...structs.map(fromStruct)));
    }
  };
  const context = (peer: string, timeoutSeconds = 0): Context => ({
    config: configured.get(peer) ?? {},
    signal: AbortSignal.any([stopping, cancelling.signal]),
    ...(timeoutSeconds > 0 ? { timeoutMilliseconds: timeoutSeconds * 1000 } : {}),
  });
  const record = (
    resource: Resource,
    entry: Pick<JournalEntry, "id" | "operation" | "outcome" | "where" | "gone">,
  ): void => {
    const { id, operation, outcome, where, gone } = entry;
    journal.record({
      urn: resource.urn,
      type: resource.type,
      id,
      operation,
      outcome,
      where,
      ...(gone === true ? { gone } : {}),
    });
  };

  return {
    packageName: standIn.packageName,

    cancel(): void {
      cancelling.abort();
      cancelling = new AbortController();
    },

    checkConfig: (request: messages.CheckRequest, peer: string) =>
      within({ method: "CheckConfig", urn: request.getUrn() }, [request.getNews()], () => {
        const news = fromStruct(request.getNews());
        configured.set(peer, news);
        return checkResponse({ inputs: news, failures: standIn.checkConfig?.(news) ?? [] });
      }),

    diffConfig: (request: messages.DiffRequest) =>
      within({ method: "DiffConfig", urn: request.getUrn() }, [request.getOldInputs(), request.getNews()], () =>
        diffResponse(changesBetween(oldInputs(request), fromStruct(request.getNews())), () => false, false),
      ),

    configure: (request: messages.ConfigureRequest, peer: string) =>
      within({ method: "Configure", urn: request.getUrn() }, [request.getArgs()], () => {
        configured.set(peer, fromStruct(request.getArgs()));
        const response = new messages.ConfigureResponse();
        response.setAcceptsecrets(true);
        response.setSupportspreview(true);
        return response;
      }),

    check: (request: messages.CheckRequest) =>
      within({ method: "Check", urn: request.getUrn() }, [request.getOlds(), request.getNews()], () =>
        checkResponse(standIn.check(resourceOf(request), fromStruct(request.getOlds()), fromStruct(request.getNews()))),
      ),

    diff: (request: messages.DiffRequest) =>
      within({ method: "Diff", urn: request.getUrn() }, [request.getOldInputs(), request.getNews()], async () => {
        const resource = resourceOf(request);
        const olds = oldInputs(request);
        const news = fromStruct(request.getNews());
        const changes = changesBetween(olds, news);
        if (changes.length > 0) {
          const replaces = (change: (typeof changes)[number]): boolean => standIn.replaces(resource, change, news);
          return diffResponse(changes, replaces, standIn.deleteBeforeReplace(resource, olds, news));
        }
        // Equal inputs are "same" only if an earlier run did the work, and did it where this one would.
        const isDone =
          scope.mode === "preview" ||
          (journal.latest(resource.urn) !== undefined && (await standIn.inPlace(resource, news)));
        return diffResponse([], () => false, false, !isDone);
      }),

    create: (request: messages.CreateRequest, peer: string) =>
      within(
        { method: "Create", urn: request.getUrn(), preview: request.getPreview() },
        [request.getProperties()],
        async () => {
          const resource = resourceOf(request);
          const inputs = fromStruct(request.getProperties());
          const response = new messages.CreateResponse();
          if (request.getPreview()) {
            response.setProperties(toStruct(await standIn.plan(resource, inputs, undefined, context(peer))));
            return response;
          }
          const done = await standIn.create(resource, inputs, context(peer, request.getTimeout()));
          record(resource, { ...done, operation: "create" });
          response.setId(done.id);
          response.setProperties(toStruct(done.outputs));
          return response;
        },
      ),

    update: (request: messages.UpdateRequest, peer: string) =>
      within(
        { method: "Update", urn: request.getUrn(), preview: request.getPreview() },
        [request.getOlds(), request.getOldInputs(), request.getNews()],
        async () => {
          const resource = resourceOf(request);
          const inputs = fromStruct(request.getNews());
          const old: Existing = {
            id: request.getId(),
            inputs: oldInputs(request),
            outputs: fromStruct(request.getOlds()),
          };
          const response = new messages.UpdateResponse();
          if (request.getPreview()) {
            response.setProperties(toStruct(await standIn.plan(resource, inputs, old, context(peer))));
            return response;
          }
          const done = await standIn.update(resource, old, inputs, context(peer, request.getTimeout()));
          record(resource, { ...done, id: old.id, operation: "update" });
          response.setProperties(toStruct(done.outputs));
          return response;
        },
      ),

    delete: (request: messages.DeleteRequest, peer: string) =>
      within(
        { method: "Delete", urn: request.getUrn() },
        [request.getProperties(), request.getOldInputs()],
        async () => {
          const resource = resourceOf(request);
          const outputs = fromStruct(request.getProperties());
          const old = { id: request.getId(), inputs: fromStruct(request.getOldInputs()), outputs };
          const done = await standIn.delete(resource, old, context(peer, request.getTimeout()));
          record(resource, { ...done, id: old.id, operation: "delete" });
          return new empty.Empty();
        },
      ),

    read: (request: messages.ReadRequest, peer: string) => {
      const known = {
        id: request.getId(),
        inputs: fromStruct(request.getInputs()),
        outputs: fromStruct(request.getProperties()),
      };
      const adopts = Object.keys(known.inputs).length === 0;
      const call = { method: "Read", urn: request.getUrn(), adopts } as const;
      return within(call, [request.getProperties(), request.getInputs()], async () => {
        const resource = resourceOf(request);
        const found = await standIn.read(resource, known, context(peer));
        const response = new messages.ReadResponse();
        if (found === "gone") {
          const last = journal.latest(resource.urn);
          record(resource, {
            id: known.id,
            operation: "read",
            outcome: last?.outcome ?? "recorded",
            where: last?.where ?? "nowhere",
            gone: true,
          });
          return response;
        }
        record(resource, { ...found, operation: "read" });
        response.setId(found.id);
        response.setInputs(toStruct(found.inputs));
        response.setProperties(toStruct(found.outputs));
        return response;
      });
    },

    invoke: (request: messages.InvokeRequest, peer: string) =>
      within({ method: "Invoke" }, [request.getArgs()], () => {
        // The request names no stack: what speaks for it is the provider that was set up on this connection.
        if (!configured.has(peer)) {
          const reason = "no provider of the stack was set up on this connection";
          journal.recordRefusal({ refused: "Invoke", reason });
          throw refused(standIn.packageName, "Invoke", reason);
        }
        const answer = standIn.invoke(request.getTok(), fromStruct(request.getArgs()), context(peer));
        if (answer === undefined) throw unknownFunction(standIn.packageName, request.getTok());
        const response = new messages.InvokeResponse();
        response.setReturn(toStruct(answer));
        return response;
      }),
  };
}

function resourceOf(request: { getUrn(): string }): Resource {
  const urn = request.getUrn();
  const parsed = parseUrn(urn);
  return { urn, type: parsed?.type ?? "", name: parsed?.name ?? "" };
}

/** The old inputs; the old outputs, which hold them too, for an engine that does not send them. */
function oldInputs(request: messages.DiffRequest | messages.UpdateRequest): ValueMap {
  return fromStruct(request.getOldInputs() ?? request.getOlds());
}

function checkResponse(checked: ReturnType<StandIn["check"]>): messages.CheckResponse {
  const response = new messages.CheckResponse();
  response.setInputs(toStruct(checked.inputs));
  response.setFailuresList(
    checked.failures.map(({ property, reason }) => {
      const failure = new messages.CheckFailure();
      failure.setProperty(property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}

function unknownFunction(packageName: string, token: string): CallError {
  return new CallError(
    status.UNKNOWN,
    `The ${packageName} stand-in has no function ${token}: the lab reaches no account, so it can't answer it. ` +
      "Give the value as a setting instead.",
  );
}
