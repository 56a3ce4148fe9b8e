import { isIPv6 } from "node:net";
import { isLoopbackHost, loopbackUrl } from "../loopback.ts";
import { at, hasUnknown, isList, isMap, plain } from "../wire/values.ts";
import type { Value, ValueMap } from "../wire/values.ts";

/** The environment variable by which a command declares what it talks to: one http or https URL. */
export const targetVariable = "NEKO_TRUST_TARGET";

export type Target =
  | { readonly kind: "loopback"; readonly url: string }
  /** `reason` completes "not run: ". It holds nothing of the inputs. */
  | { readonly kind: "elsewhere"; readonly reason: string };

/**
 * Whether a command may run on this machine. All of these must hold, else it is only recorded:
 * 1. it is a `command:local:Command` (a remote one speaks SSH, which no stand-in does);
 * 2. its `environment` names its target in NEKO_TRUST_TARGET, as an http or https URL on 127.0.0.1, localhost or
 *    [::1], without a user name;
 * 3. nothing in its inputs names another host: no URL, `user@host`, `host:port`, IPv4 or IPv6 address or dotted name
 *    that isn't loopback. A text that only looks like one (a version number of four parts, a file name without a folder
 *    before it: write `./file.json`) counts too: in doubt, it is not run;
 * 4. nothing in its inputs names a program that reaches other machines by one word, or by its own settings (`ssh prod`,
 *    `kubectl --context prod`), not even for loopback: which of its words is a host, only the program knows;
 * 5. all of its inputs are known, and it asks for no assets (`assetPaths`, `archivePaths`), which would carry files.
 *
 * This keeps a program from reaching, by mistake, what its settings name. It is no sandbox: a program that wants to
 * hide a host in a shell script can, but such a program runs on this machine anyway.
 */
export function targetOf(type: string, inputs: ValueMap): Target {
  if (type !== "command:local:Command") return elsewhere("only local commands can be run");
  if (hasUnknown(inputs)) return elsewhere("an input is not known");
  const declared = at(inputs, "environment", targetVariable);
  if (typeof declared !== "string") return elsewhere(`${targetVariable} is not in its environment`);
  const url = loopbackUrl(declared);
  if (url === undefined) return elsewhere(`${targetVariable} is no http or https URL on loopback`);
  if (inputs["assetPaths"] !== undefined || inputs["archivePaths"] !== undefined)
    return elsewhere("it asks for assets");
  const texts = textsOf(inputs);
  if (texts.some(namesFarReachingProgram)) return elsewhere("it names a program that reaches other machines");
  if (texts.some(namesAnotherHost)) return elsewhere("its inputs name a host that isn't loopback");
  return { kind: "loopback", url: url.href };
}

function elsewhere(reason: string): Target {
  return { kind: "elsewhere", reason };
}

function textsOf(value: Value): string[] {
  const open = plain(value);
  if (typeof open === "string") return [open];
  if (isList(open)) return open.flatMap(textsOf);
  return isMap(open) ? Object.entries(open).flatMap(([key, part]) => [key, ...textsOf(part)]) : [];
}

/**
 * Programs for which a bare word, or nothing at all, is another machine. Those that only ever speak HTTP (curl, wget,
 * registry clients) are not among them: run.ts gives them proxies that lead nowhere.
 */
const farReaching = [
  ...["ssh", "slogin", "sshpass", "autossh", "mosh", "scp", "sftp", "rsync", "rclone", "ftp", "tftp", "lftp", "rsh"],
  ...["nc", "ncat", "netcat", "socat", "telnet", "s_client", "ping6?", "nmap", "nslookup", "dig", "drill", "whois"],
  ...["kubectl", "oc", "helm", "helmfile", "k9s", "argocd", "istioctl", "systemctl", "machinectl"],
  ...["docker", "podman", "nerdctl", "buildah", "ctr", "crictl", "lxc", "incus", "virsh", "vagrant", "multipass"],
  ...["gcloud", "gsutil", "bq", "aws", "eksctl", "az", "doctl", "hcloud", "flyctl", "heroku", "ibmcloud", "wrangler"],
  ...["gh", "glab", "git", "hg", "svn", "terraform", "tofu", "pulumi", "ansible", "vault", "consul", "nomad"],
  ...["psql", "pg_dump", "mysql", "mysqldump", "mariadb", "redis-cli", "mongo", "mongosh", "ldapsearch", "smbclient"],
  ...["sendmail", "mailx", "mutt", "swaks"],
];
/** As a word of its own, at the end of a path, or as the first or last part of a name (`ssh-copy-id`). */
const farReachingWord = new RegExp(`(?<!\\w)(?:${farReaching.join("|")})(?!\\w)|/dev/(?:tcp|udp)/`, "iu");

function namesFarReachingProgram(text: string): boolean {
  return farReachingWord.test(text);
}

function namesAnotherHost(text: string): boolean {
  return hostsIn(text).some((host) => !isLoopbackHost(host.toLowerCase()));
}

/** `scheme://[user@]host`: up to the first character that ends an authority (RFC 3986, 3.2). */
const authority = /[a-z][a-z0-9+.-]*:\/\/([^/?#\s"'`<>]*)/giu;
/** `user@host`, as SSH and Git write it. */
const userAtHost = /[\w.+-]+@([^\s/:"'`<>@]+)/gu;
/** `host:port`. */
const hostAndPort = /(\[[0-9a-f:.]+\]|[\w-]+(?:\.[\w-]+)*):\d{2,5}(?!\w)/giu;
const ipv4 = /(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])/gu;
/** What may be an IPv6 address without brackets: on its own, or right after an option's letter (`-h2001:db8::1`). */
const maybeIpv6 = /(?:(?<![\w:.])|(?<=(?<![\w-])-[a-z]))([0-9a-f]{0,4}:[0-9a-f:.]*)(?![\w:])/giu;

/** `name.tld`, unless a folder stands before it. */
const dottedName = /(?<![\w./@:$-])([\w-]+(?:\.[\w-]+)*\.[a-z]{2,})(?![\w-])/giu;

/** Everything in a text that is, or may be, the name of a host. */
function hostsIn(text: string): string[] {
  const authorities = [...text.matchAll(authority)].map(([, whole]) => hostOfAuthority(whole ?? ""));
  const others = [userAtHost, hostAndPort, ipv4, dottedName].flatMap((form) =>
    [...text.matchAll(form)].map(([, host]) => host ?? ""),
  );
  const ipv6 = [...text.matchAll(maybeIpv6)]
    .map(([, address]) => (address ?? "").replace(/\.+$/u, ""))
    .filter((address) => isIPv6(address));
  return [...authorities, ...others, ...ipv6];
}

function hostOfAuthority(text: string): string {
  // A user part is not taken off: whoever writes one means to mislead, and `user@127.0.0.1` is no loopback host.
  const [, host] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/u.exec(text) ?? [];
  return host ?? text;
}
