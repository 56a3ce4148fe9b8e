import { Failure } from "../../core/failure.ts";

/** Values by platform, from options `linux/amd64=value`. Throws PLATFORM_OPTION_INVALID. */
export function platformValues(option: string, texts: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const platform = text.slice(0, Math.max(equals, 0));
    const value = text.slice(equals + 1);
    if (!/^linux\/(?:amd64|arm64)(?:\/v[0-9]+)?$/.test(platform) || value === "") {
      throw invalid(option, `${JSON.stringify(text)} is not PLATFORM=VALUE`);
    }
    if (values.has(platform)) throw invalid(option, `${platform} is named twice`);
    values.set(platform, value);
  }
  return values;
}

function invalid(option: string, why: string): Failure {
  return new Failure({
    code: "PLATFORM_OPTION_INVALID",
    kind: "usage",
    message: `${option}: ${why}.`,
    remedy: `Write ${option} linux/amd64=… once for each platform (linux/amd64 and linux/arm64 are built for).`,
  });
}
