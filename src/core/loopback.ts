/** Whether a host's name, without a port, is this machine's: `localhost`, `127.0.0.0/8` or `[::1]`. */
export function isLoopbackName(name: string): boolean {
  return name === "localhost" || name === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}

/** Whether the URL's host is this machine. */
export function isLoopbackUrl(url: URL): boolean {
  return isLoopbackName(url.hostname);
}
