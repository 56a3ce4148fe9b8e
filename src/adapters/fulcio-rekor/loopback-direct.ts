import { isLoopbackUrl } from "../../core/loopback.ts";

/**
 * The signing library follows HTTP_PROXY of this process, for loopback addresses too: what goes to a service on this
 * machine, an identity token over plain HTTP among it, must not leave it.
 */
export function keepLoopbackDirect(urls: readonly string[]): void {
  const loopback = urls.some((text) => {
    const url = URL.parse(text);
    return url !== null && isLoopbackUrl(url);
  });
  if (!loopback) return;
  for (const name of ["NO_PROXY", "no_proxy"]) {
    const hosts = new Set((process.env[name] ?? "").split(",").filter((host) => host !== ""));
    for (const host of ["127.0.0.1", "localhost"]) hosts.add(host);
    process.env[name] = [...hosts].join(",");
  }
}
