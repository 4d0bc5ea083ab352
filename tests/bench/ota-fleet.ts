import { createHash } from "node:crypto";
import { type EdgeRequest, viewerRequest } from "../../shared/ota/edge.ts";
import type { Row } from "./report.ts";

/** As in `shared/declared/distribution.ts`. */
const TTL_SECONDS = 100;
const POLLS_EVERY_SECONDS = 3_600;

/** The same numbers at each run (mulberry32). */
const generator = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Kinds of devices: architecture, and the attributes by which they ask. */
const KINDS = ["armv7", "armv8", "x86_64"].flatMap((arch) =>
  [[], ["gamer"], ["camera"], ["cellular"], ["gamer", "camera"], ["camera", "cellular"]].map((attributes) => ({
    arch,
    apps: [`os_${arch}`, ...attributes.map((attribute) => `app-${attribute}`)],
    attributes,
  })),
);

const hashOf = (algorithm: "md5" | "sha256", app: string, age: number): string =>
  createHash(algorithm).update(`${app} ${age}`).digest("hex");

const shuffled = <T>(items: readonly T[], random: () => number): T[] =>
  items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);

/** A device's request, as one firmware or another words it; it never changes its words. */
const requestOf = (random: () => number): { query: string; tags: string } => {
  const kind = KINDS[Math.floor(random() * KINDS.length)] as (typeof KINDS)[number];
  const environment = random() < 0.95 ? "prod" : "beta";
  const wishes = shuffled(
    [`cpuArch=${kind.arch}`, ...kind.attributes.map((name) => `attr${name}=${environment}`)],
    random,
  );
  const words = [...wishes, ...(random() < 0.3 ? ["payloadType=fullPayload"] : [])];
  const said = random();
  const query =
    said < 0.6 ? words.join("&") : said < 0.8 ? words.join("&").toLowerCase() : words.join("&").toUpperCase();
  // Nine of ten are up to date with each app, the others behind by one version or two.
  const ages = kind.apps.map(() => (random() < 0.9 ? 0 : random() < 0.7 ? 1 : 2));
  const algorithm = random() < 0.7 ? "md5" : "sha256";
  const hashes = shuffled(
    kind.apps.map((app, index) => hashOf(algorithm, app, ages[index] ?? 0)),
    random,
  );
  const quote = random();
  const tags = hashes.map((hash) => (quote < 0.5 ? hash : quote < 0.9 ? `"${hash}"` : `W/"${hash}"`));
  return { query, tags: tags.join(random() < 0.5 ? "," : ", ") };
};

const normalised = ({ query, tags }: { query: string; tags: string }): string => {
  const request: EdgeRequest = {
    method: "GET",
    uri: "/fleet/package",
    querystring: query,
    headers: { host: { value: "ota.example.com" }, "if-none-match": { value: tags } },
  };
  const result = viewerRequest({ request });
  if (!("uri" in result)) throw new Error(`the edge refused ${query}`);
  return `${String(result.querystring)} ${result.headers["x-ota-have"]?.value}`;
};

/**
 * A fleet that polls once an hour at times of its own, through one cache that keeps answers for 100 s: how many polls it
 * answers by itself, in the second of two hours, with the words of devices as the key, and with what the edge makes of them.
 */
export const benchFleet = (devices: number): Row[] => {
  const random = generator(8);
  const requests = Array.from({ length: devices }, () => requestOf(random));
  const polls = requests
    .map((request) => ({
      at: random() * POLLS_EVERY_SECONDS,
      raw: `${request.query} ${request.tags}`,
      key: normalised(request),
    }))
    .sort((a, b) => a.at - b.at);
  const hits = (keyOf: (poll: (typeof polls)[number]) => string): number => {
    const until = new Map<string, number>();
    let count = 0;
    for (const hour of [0, 1]) {
      for (const poll of polls) {
        const now = hour * POLLS_EVERY_SECONDS + poll.at;
        if ((until.get(keyOf(poll)) ?? -1) > now) count += hour;
        else until.set(keyOf(poll), now + TTL_SECONDS);
      }
    }
    return (100 * count) / polls.length;
  };
  const keys = (keyOf: (poll: (typeof polls)[number]) => string) => new Set(polls.map(keyOf)).size;
  const name = `fleet of ${devices.toLocaleString("en")} devices`;
  return [
    { name: `${name}, questions as devices word them`, value: keys(({ raw }) => raw), unit: "" },
    { name: `${name}, questions as the edge words them`, value: keys(({ key }) => key), unit: "" },
    { name: `${name}, cache hits without normalising`, value: hits(({ raw }) => raw), unit: "%" },
    { name: `${name}, cache hits with normalising`, value: hits(({ key }) => key), unit: "%" },
  ];
};
