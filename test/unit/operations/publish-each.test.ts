import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import { alreadyAttached, publishEach } from "../../../src/operations/publish-each.ts";
import type { PublishedStatement } from "../../../src/operations/publish-statement.ts";

const published = (name: string): PublishedStatement => ({
  referrer: digestOf(Buffer.from(name)),
  predicateType: `https://example.com/${name}`,
  subject: digestOf(Buffer.from("image")),
  signer: "somebody",
  listedBy: "api",
});
const tell = (one: PublishedStatement): string[] => [alreadyAttached("registry.example/image", one)];

test("when a later statement fails, the same Failure names also what is attached already", async () => {
  const failure = new Failure({
    code: "REGISTRY_DOWN",
    kind: "unavailable",
    message: "It is down.",
    remedy: "Try again.",
    details: ["its own"],
  });
  const publish = (name: string): Promise<PublishedStatement> =>
    name === "third" ? Promise.reject(failure) : Promise.resolve(published(name));
  await assert.rejects(publishEach(["first", "second", "third", "fourth"], publish, tell), (error) => {
    assert.ok(error instanceof Failure);
    const { code, kind, message, remedy } = failure;
    assert.deepEqual([error.code, error.kind, error.message, error.remedy], [code, kind, message, remedy]);
    const line = (name: string): string =>
      `already attached: registry.example/image@${digestOf(Buffer.from("image"))} https://example.com/${name} ${digestOf(Buffer.from(name))}`;
    assert.deepEqual(error.details, ["its own", line("first"), line("second")]);
    return true;
  });
});

test("what is no Failure, and a Failure of the first, is thrown as it is", async () => {
  const interrupted = new Error("interrupted");
  const failure = new Failure({ code: "X", kind: "usage", message: "m", remedy: "r" });
  for (const [failing, error] of [
    ["second", interrupted],
    ["first", failure],
  ] as const) {
    const publish = (name: string): Promise<PublishedStatement> =>
      name === failing ? Promise.reject(error) : Promise.resolve(published(name));
    await assert.rejects(publishEach(["first", "second"], publish, tell), (thrown) => thrown === error);
  }
});
