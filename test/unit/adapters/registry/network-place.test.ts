import assert from "node:assert/strict";
import { test } from "node:test";
import { maySendTo } from "../../../../src/adapters/registry/network-place.ts";

const thisMachine = [
  "localhost",
  "LOCALHOST:5000",
  "a.localhost.",
  "127.0.0.1:80",
  "127.9.9.9",
  "0.0.0.0:80",
  "[::1]",
  "[::1]:5000",
  "[::]",
  "[::ffff:7f00:1]",
];
const privateNetworks = [
  "10.1.2.3",
  "172.16.0.1:443",
  "172.31.255.255",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "[fd00::1]:443",
  "[fe80::1]",
  "[::ffff:a00:1]",
];
const anywhere = [
  "ghcr.io",
  "172.32.0.1",
  "8.8.8.8:443",
  "[2001:db8::1]",
  "127.evil.example",
  "localhost.evil.example",
];

test("a registry on the internet sends nobody to this machine or to a private network", () => {
  for (const host of [...thisMachine, ...privateNetworks]) assert.equal(maySendTo("ghcr.io", host), false, host);
  for (const host of anywhere) assert.equal(maySendTo("ghcr.io", host), true, host);
});

test("a registry in a private network may name another host there, but not this machine", () => {
  for (const host of thisMachine) assert.equal(maySendTo("10.0.0.9:5000", host), false, host);
  for (const host of [...privateNetworks, ...anywhere]) assert.equal(maySendTo("10.0.0.9:5000", host), true, host);
});

test("a registry on this machine may name any host", () => {
  for (const host of [...thisMachine, ...privateNetworks, ...anywhere])
    assert.equal(maySendTo("127.0.0.1:5000", host), true, host);
});
