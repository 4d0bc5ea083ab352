import { AppError, type Finding } from "../problems.ts";
import { choose, type DeviceFacts, suitsHardware, unknownDevice } from "./choose.ts";
import { compareVersions } from "./versions.ts";

/**
 * A compressed piece of an archive: the tar header, the file and its padding, raw-deflated and ended so that another
 * segment may follow. A key never has other bytes: whoever compresses a file anew writes a new key.
 */
export interface Segment {
  readonly key: string;
  /** Compressed bytes. */
  readonly size: number;
  /** CRC-32 of the uncompressed bytes. */
  readonly crc32: number;
  /** Uncompressed bytes: tar header, file and padding. */
  readonly length: number;
}

/** A release that devices may get for an app in an environment. What of it they get, and who, `choose` decides. */
export interface CurrentRelease {
  readonly app: string;
  readonly environment: string;
  readonly version: string;
  readonly attributes: readonly string[];
  /** Only for devices with one of these architectures; absent or empty: for all. */
  readonly cpuArch?: readonly string[];
  /** Only for devices that state one of these labels; absent or empty: for all. */
  readonly hardware?: readonly string[];
  /** Only for devices that are known to have this version or a newer one. */
  readonly minimumVersion?: string;
  /** The part of the devices, in per cent, that gets it; absent: all. */
  readonly rollout?: number;
  /** ISO 8601. No device that has it not gets it earlier. */
  readonly notBefore?: string;
  /** The rollout is paused when more per cent of the reports are of failures. */
  readonly pauseAbove?: number;
  /** Devices with a newer version get it as well. */
  readonly allowDowngrade?: boolean;
  /** No device that has it not gets it now. */
  readonly isPaused?: boolean;
  /** ISO 8601. */
  readonly publishedAt?: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Hex. */
  readonly md5: string;
  readonly segment: Segment;
  /** Of {@link releaseStatement} in `statements.ts`; absent for what was published before releases were signed. */
  readonly signature?: string;
  /** Which key has signed. */
  readonly keyId?: string;
}

/** What a device is to have. `isKept`: it has a newer one, and need not fetch this. */
export type Selected = CurrentRelease & { readonly isKept?: boolean };

export type PayloadType = "fullPayload" | "metadataOnly";

/** One thing a device asks for, in lower case. An `app` wish names an app, an `attribute` wish a device attribute. */
export interface Wish {
  readonly kind: "app" | "attribute";
  readonly name: string;
  readonly environment: string;
}

/** A device's question, without the accidents of its spelling: two queries that mean the same are deeply equal. */
export interface PackageQuery {
  /** Lower case. */
  readonly cpuArch: string;
  readonly payloadType: PayloadType;
  /** Sorted; at most one per kind and name. */
  readonly wishes: readonly Wish[];
}

export const DEFAULT_ENVIRONMENT = "prod";

/** Bounds of a query. The edge refuses the same before a request costs anything. */
export const QUERY_LIMITS = { characters: 4096, parameters: 64, part: 128 } as const;

const ATTRIBUTE_PREFIX = "attr";
const RESERVED = new Set(["cpuarch", "os", "payloadtype"]);
const PAYLOAD_TYPES = new Map<string, PayloadType>([
  ["fullpayload", "fullPayload"],
  ["metadataonly", "metadataOnly"],
]);
const CONTROL_CHARACTER = /\p{Cc}/u;

/**
 * Whether devices can ask for this app by its name: a parameter that is reserved, or starts with `attr`, means something
 * else. Refuse other names when a release is made.
 */
export const isAppName = (app: string): boolean => {
  const name = app.toLowerCase();
  return name !== "" && !RESERVED.has(name) && !name.startsWith(ATTRIBUTE_PREFIX);
};

/** Code-unit order: the same on every machine, which a locale's order is not. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const refuse = (parameter: string, rule: string, detail: string): never => {
  const finding: Finding = { parameter, rule, detail };
  throw new AppError("invalid-request", detail, { findings: [finding] });
};

const checkedParameters = (rawQueryString: string): readonly (readonly [string, string])[] => {
  if (rawQueryString.length > QUERY_LIMITS.characters) {
    refuse("", "query-too-long", `the query has more than ${QUERY_LIMITS.characters} characters`);
  }
  const parameters = [...new URLSearchParams(rawQueryString)];
  if (parameters.length > QUERY_LIMITS.parameters) {
    refuse("", "too-many-parameters", `the query has more than ${QUERY_LIMITS.parameters} parameters`);
  }
  return parameters.map(([name, value]) => {
    if (name === "") refuse("", "empty-name", "a parameter has no name");
    if (CONTROL_CHARACTER.test(name + value)) refuse("", "characters", "the query has a control character");
    const shown = name.slice(0, QUERY_LIMITS.part);
    if (value === "") refuse(shown, "empty-value", `parameter ${shown} has no value`);
    if (Math.max(name.length, value.length) > QUERY_LIMITS.part) {
      refuse(shown, "too-long", `a name or value has more than ${QUERY_LIMITS.part} characters`);
    }
    return [name.toLowerCase(), value.toLowerCase()] as const;
  });
};

/**
 * Reads a device's query: `cpuArch` (required), `os` (environment of the app `os_{cpuArch}`, else `prod`), `payloadType`,
 * `attrX=E` (apps with device attribute X in environment E), and any other `K=E` (app K in environment E). Names and
 * values compare without regard to case; percent-encoding that is not valid is taken literally.
 *
 * A query that contradicts itself is refused, whatever releases there are: a parameter repeated with another value, or
 * `os_{cpuArch}` and `os` in two environments. One repeated with the same value counts once. Nothing here depends on the
 * releases, so that publishing one can never turn a device's working query into an error.
 *
 * @param rawQueryString with or without the leading `?`
 * @throws AppError `invalid-request` with one finding: the parameter and one of the rules `required`, `one-of`, `single`,
 *   `ambiguous-environment`, `empty-name`, `empty-value`, `too-long`, `characters`, `query-too-long`, `too-many-parameters`
 */
export const parseQuery = (rawQueryString: string): PackageQuery => {
  const values = new Map<string, string>();
  for (const [name, value] of checkedParameters(rawQueryString)) {
    const first = values.get(name);
    if (first === undefined) values.set(name, value);
    else if (first !== value) {
      const rule = name === "cpuarch" || name === "payloadtype" ? "single" : "ambiguous-environment";
      refuse(name, rule, `parameter ${name} is both ${first} and ${value}`);
    }
  }
  const cpuArch = values.get("cpuarch") ?? refuse("cpuArch", "required", "parameter cpuArch is required");
  const payloadType =
    PAYLOAD_TYPES.get(values.get("payloadtype") ?? "fullpayload") ??
    refuse("payloadType", "one-of", "payloadType is fullPayload or metadataOnly");

  const osApp = `os_${cpuArch}`;
  const [os, osByName] = [values.get("os"), values.get(osApp)];
  if (os !== undefined && osByName !== undefined && os !== osByName) {
    refuse("os", "ambiguous-environment", `${osApp} is asked for in ${os} (os) and in ${osByName} (${osApp})`);
  }
  const wishes: Wish[] = [{ kind: "app", name: osApp, environment: os ?? osByName ?? DEFAULT_ENVIRONMENT }];
  for (const [name, environment] of values) {
    if (RESERVED.has(name) || name === osApp) continue;
    if (!name.startsWith(ATTRIBUTE_PREFIX)) wishes.push({ kind: "app", name, environment });
    else {
      const attribute = name.slice(ATTRIBUTE_PREFIX.length);
      if (attribute === "") refuse("attr", "empty-name", "parameter attr names no attribute");
      wishes.push({ kind: "attribute", name: attribute, environment });
    }
  }
  wishes.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name));
  return { cpuArch, payloadType, wishes };
};

const isForAll = (list: readonly string[] | undefined): boolean => list === undefined || list.length === 0;

const inFull = (release: CurrentRelease): string => JSON.stringify(Object.entries(release).sort());

/** Lower is better. Total, so that the choice never depends on the order in which releases were read. */
const compareCandidates = (a: CurrentRelease, b: CurrentRelease): number => {
  const environment = (release: CurrentRelease) => release.environment.toLowerCase();
  const rank = (release: CurrentRelease) => (environment(release) === DEFAULT_ENVIRONMENT ? 0 : 1);
  return (
    rank(a) - rank(b) ||
    compareText(environment(a), environment(b)) ||
    Number(isForAll(a.cpuArch)) - Number(isForAll(b.cpuArch)) ||
    Number(isForAll(a.hardware)) - Number(isForAll(b.hardware)) ||
    compareVersions(b.version, a.version) ||
    compareText(b.publishedAt ?? "", a.publishedAt ?? "") ||
    compareText(a.app, b.app) ||
    compareText(a.version, b.version) ||
    compareText(a.sha256, b.sha256) ||
    compareText(inFull(a), inFull(b))
  );
};

/**
 * The releases that the query selects: at most one per app, ordered by the app's name in lower case, whatever the order
 * of parameters and releases. Empty when there is none (404).
 *
 * - A release for another architecture or other hardware is never selected; one for the device's own is preferred to one
 *   for all, then the newest version, then what was published last.
 * - An app that is asked for by name is shipped in that environment or not at all; attributes have no say in it. So a
 *   device's system (`os_{cpuArch}`, `prod` unless it says otherwise) never changes because someone tagged a release.
 * - When attributes select an app in several environments, `prod` is shipped, else the first environment by name: a device
 *   in the field cannot change its query, so that this must not be an error, and `prod` is the one that was tried most.
 * - What the device has, and what it says of itself, decide among an app's releases: see `choose`.
 */
export const select = (
  query: PackageQuery,
  releases: readonly CurrentRelease[],
  device: DeviceFacts = unknownDevice(new Date(0)),
): readonly Selected[] => {
  const byName = new Map(
    query.wishes.filter((wish) => wish.kind === "app").map((wish) => [wish.name, wish.environment]),
  );
  const byAttribute = new Map(
    query.wishes.filter((wish) => wish.kind === "attribute").map((wish) => [wish.name, wish.environment]),
  );
  const isWanted = (release: CurrentRelease): boolean => {
    const { cpuArch = [] } = release;
    if (cpuArch.length > 0 && !cpuArch.some((arch) => arch.toLowerCase() === query.cpuArch)) return false;
    if (!suitsHardware(release, device)) return false;
    const environment = release.environment.toLowerCase();
    const named = byName.get(release.app.toLowerCase());
    if (named !== undefined) return named === environment;
    return release.attributes.some((attribute) => byAttribute.get(attribute.toLowerCase()) === environment);
  };
  const candidates = new Map<string, CurrentRelease[]>();
  for (const release of releases) {
    if (!isWanted(release)) continue;
    const app = release.app.toLowerCase();
    const rivals = candidates.get(app);
    if (rivals === undefined) candidates.set(app, [release]);
    else rivals.push(release);
  }
  return [...candidates.entries()]
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([, rivals]) => choose(rivals.sort(compareCandidates), device) ?? []);
};
