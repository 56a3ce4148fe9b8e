import { BlockList, isIP } from "node:net";

/** Where a host's name itself says that it lies: on this machine, in a network of its own, or anywhere. */
type Place = "this-machine" | "private" | "anywhere";

/** RFC 6890: loopback, and "this host", which systems take for loopback. */
const thisMachine = blockListOf(["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"]);
/** RFC 1918, RFC 6598, RFC 3927 (clouds serve credentials there), RFC 4193 and RFC 4291's link-local addresses. */
const privateNetworks = blockListOf([
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "fc00::/7",
  "fe80::/10",
]);

/**
 * Whether a registry may send us to a host, by a redirect or as its token service. One on the internet may not reach
 * through us what only we can reach: this machine, or a network behind it. Hosts may have a port. Only literal addresses
 * and `localhost` are seen; what a name resolves to is not.
 */
export function maySendTo(from: string, to: string): boolean {
  const target = placeOf(to);
  if (target === "anywhere") return true;
  const own = placeOf(from);
  return own === "this-machine" || own === target;
}

function placeOf(host: string): Place {
  // RFC 6761, section 6.3: names below localhost are loopback, too.
  const name = host
    .replace(/:[0-9]{1,5}$/, "")
    .replace(/\.$/, "")
    .toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return "this-machine";
  const address = name.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(address);
  if (family === 0) return "anywhere";
  const type = family === 4 ? "ipv4" : "ipv6";
  // Node looks at the IPv4 address inside ::ffff:0:0/96 itself.
  if (thisMachine().check(address, type)) return "this-machine";
  return privateNetworks().check(address, type) ? "private" : "anywhere";
}

/** Made when a redirect or a token service first asks for it. */
function blockListOf(subnets: readonly string[]): () => BlockList {
  let list: BlockList | undefined;
  return () => (list ??= madeOf(subnets));
}

function madeOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = "", bits = ""] = subnet.split("/");
    list.addSubnet(address, Number(bits), address.includes(":") ? "ipv6" : "ipv4");
  }
  return list;
}
