import assert from "node:assert/strict";
import { test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import { standInsBench } from "../support/stand-ins.ts";

/** Far above what it takes (5 s on two idle cores), so that only a change of the order of growth trips it. */
const limitMilliseconds = 120_000;

test("plans a thousand resources within the limit", async (t) => {
  const bench = await standInsBench();
  try {
    const stack = await bench.stack(() => {
      const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
      for (let number = 0; number < 1_000; number++) {
        const name = `map-${number}`;
        new kubernetes.core.v1.ConfigMap(name, { metadata: { name, namespace: "x" }, data: { a: "b" } }, { provider });
      }
      return Promise.resolve({});
    });
    const { summary, milliseconds } = await stack.preview();
    t.diagnostic(`planned in ${milliseconds} ms`);
    assert.equal(summary["create"], 1_002);
    assert.ok(milliseconds < limitMilliseconds, `${milliseconds} ms`);
  } finally {
    await bench.close();
  }
});
