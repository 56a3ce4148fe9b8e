import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { cidrContains, parseCidr } from "../../../src/core/cidr.ts";
import type { Cidr } from "../../../src/core/cidr.ts";

function parsed(text: string): Cidr {
  const cidr = parseCidr(text);
  assert.ok(cidr !== undefined, text);
  return cidr;
}

test("reads ranges of both families", () => {
  assert.deepEqual(parsed("192.0.2.0/24"), { family: 4, first: 0xc0000200n, prefix: 24 });
  assert.deepEqual(parsed("0.0.0.0/0"), { family: 4, first: 0n, prefix: 0 });
  assert.deepEqual(parsed("2001:db8::/32"), { family: 6, first: 0x20010db8n << 96n, prefix: 32 });
  assert.deepEqual(parsed("::/0"), { family: 6, first: 0n, prefix: 0 });
  assert.deepEqual(parsed("fd00:ec2::254/128"), { family: 6, first: (0xfd000ec2n << 96n) + 0x254n, prefix: 128 });
});

test("refuses what is no range, or whose address is not its first", () => {
  for (const bad of [
    ...["", "192.0.2.0", "192.0.2.0/", "192.0.2.0/33", "192.0.2.1/24", "192.0.2.0/024", "192.0.02.0/24", "256.0.0.0/8"],
    ...["1.2.3/24", "1.2.3.4.5/32", "192.0.2.0/24/24", " 192.0.2.0/24", "0x7f.0.0.1/32", "example.org/24"],
    ...[":/0", ":::/0", "1::2::3/128", "2001:db8::1/32", "2001:db8::/129", "1:2:3:4:5:6:7/128", "1:2:3:4:5:6:7::8/128"],
    ...["g::/16", "12345::/16", "::ffff:1.2.3.4/128", "1:2:3:4:5:6:7:8:9/128"],
  ]) {
    assert.equal(parseCidr(bad), undefined, bad);
  }
});

test("contains what lies inside, of the same family only", () => {
  assert.equal(cidrContains(parsed("169.254.0.0/16"), parsed("169.254.169.254/32")), true);
  assert.equal(cidrContains(parsed("169.254.169.254/32"), parsed("169.254.0.0/16")), false);
  assert.equal(cidrContains(parsed("0.0.0.0/0"), parsed("255.255.255.255/32")), true);
  assert.equal(cidrContains(parsed("::/0"), parsed("10.0.0.0/8")), false);
  assert.equal(cidrContains(parsed("10.0.0.0/9"), parsed("10.128.0.0/9")), false);
});

test("agrees with Node's own list of addresses", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, address, fc.nat(128), (outer, inner, length) => {
      const family = isIP(outer);
      const prefix = Math.min(length, family === 4 ? 32 : 128);
      const list = new BlockList();
      list.addSubnet(outer, prefix, family === 4 ? "ipv4" : "ipv6");
      const inside = isIP(inner) === family && list.check(inner, family === 4 ? "ipv4" : "ipv6");
      const range = parseCidr(`${outer}/${prefix}`);
      // IPv6 with an IPv4 tail is not read, and nor is a range whose address has bits behind the prefix.
      const one = parseCidr(`${inner}/${isIP(inner) === 4 ? 32 : 128}`);
      if (range === undefined || one === undefined) return;
      assert.equal(cidrContains(range, one), inside);
    }),
  );
});
