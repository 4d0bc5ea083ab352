import { randomBytes } from "node:crypto";

/** Where the smoke run goes, from the environment; the AWS SDK reads its own variables (`AWS_REGION` and the like). */
export interface Target {
  /** Without a slash at the end, and without `/v1`. */
  readonly api: string;
  readonly ota: string;
  readonly token: string;
  /** Whether AWS itself can be asked: there is a region, and so somebody who has credentials. */
  readonly region: string | undefined;
  /** An origin of a web page that the stage lets upload. */
  readonly origin: string | undefined;
  /** How long one intent may take. */
  readonly intentSeconds: number;
}

const NEEDED = { SLIPWAY_API: "URL of the API", SLIPWAY_OTA: "URL of the OTA distribution", SLIPWAY_TOKEN: "token" };

/** @throws Error that names what is missing or wrong */
export const targetFrom = (environment: Readonly<Record<string, string | undefined>>): Target => {
  const missing = Object.entries(NEEDED).filter(([name]) => !environment[name]);
  if (missing.length > 0) throw new Error(missing.map(([name, what]) => `${name} is not set (${what})`).join("\n"));
  const intentSeconds = Number(environment.SLIPWAY_SMOKE_SECONDS ?? 120);
  if (!(intentSeconds > 0)) throw new Error("SLIPWAY_SMOKE_SECONDS must be a number of seconds");
  const url = (name: keyof typeof NEEDED): string => {
    const { origin, pathname } = new URL(String(environment[name]));
    if (pathname !== "/") throw new Error(`${name} must be a URL without a path, such as ${origin}`);
    return origin;
  };
  return {
    api: url("SLIPWAY_API"),
    ota: url("SLIPWAY_OTA"),
    token: String(environment.SLIPWAY_TOKEN),
    region: environment.AWS_REGION || undefined,
    origin: environment.SLIPWAY_ORIGIN || undefined,
    intentSeconds,
  };
};

/** What workspaces of smoke runs are named, and nothing else should be. */
export const PREFIX = "smoke-";

/** Different for each run, so that runs beside each other do not meet. */
export const newRun = (): string => randomBytes(4).toString("hex");
