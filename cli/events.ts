import type { Answer, Schemas } from "../client/index.ts";
import { backoff, pause } from "../client/retry.ts";
import type { CommonOptions } from "./commands.ts";
import { connect } from "./connect.ts";
import { failureOf } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { harmless, note, print, type Style, styled } from "./output.ts";

export interface TailOptions extends CommonOptions {
  /** Milliseconds. */
  readonly since: number;
  /** Milliseconds. */
  readonly interval: number;
  readonly count?: number;
  readonly type?: readonly string[];
  readonly subject?: string;
}

type Event = Schemas["Event"];
type Data = Readonly<Record<string, unknown>>;

const SHADES: readonly (readonly [Style, RegExp])[] = [
  ["green", /\.(succeeded|created|registered|connected|published|cleared|granted)$/],
  ["red", /\.(failed|refused|disabled)$/],
  ["yellow", /\.(offline|found|deprecated|deleted)$/],
  ["dim", /\.(accepted|started)$/],
];

const memberOf = (data: unknown, ...path: readonly string[]): string | undefined => {
  const value = path.reduce<unknown>((inner, name) => (inner as Data | null | undefined)?.[name], data);
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
};

/** What people call the thing that an event is about: its id where the event has no name of it. */
const nameOf = ({ subject, data }: Event): string => {
  const version = memberOf(data, "version");
  const of = memberOf(data, "component") ?? memberOf(data, "app");
  if (of !== undefined) return version === undefined ? of : `${of}@${version}`;
  const name = memberOf(data, "name") ?? memberOf(data, "subject", "name");
  return name ?? memberOf(data, "target", "id") ?? memberOf(data, "nodeId") ?? subject;
};

/** What else an event has to say to people. */
const essenceOf = ({ data }: Event): string[] => {
  const problem = memberOf(data, "problem", "code");
  const revision = memberOf(data, "target", "id") === undefined ? undefined : memberOf(data, "revision");
  return [
    memberOf(data, "kind") ?? memberOf(data, "operation") ?? memberOf(data, "environment"),
    revision === undefined ? undefined : `revision ${revision}`,
    memberOf(data, "change", "kind"),
    memberOf(data, "detail"),
    memberOf(data, "error") ?? memberOf(data, "disabled", "reason") ?? memberOf(data, "deprecated", "reason"),
    problem === undefined ? undefined : `${problem}: ${memberOf(data, "problem", "detail")}`,
  ].filter((part) => part !== undefined);
};

/** An event for people: when, what, of which thing, and why. */
export const lineOf = (event: Event): string => {
  const [shade] = SHADES.find(([, types]) => types.test(event.type)) ?? [];
  const type = harmless(event.type.replace(/^slipway\./, "")).padEnd(28);
  const told = [nameOf(event), ...essenceOf(event)].map(harmless).join("  ");
  return `${styled("dim", event.time)}  ${shade === undefined ? type : styled(shade, type)}  ${told}\n`;
};

/** So many ids are remembered: far more than events come again after. */
const REMEMBERED = 50_000;

/** Whether an id has not come before. */
const newcomers = () => {
  const seen = new Set<string>();
  return (id: string): boolean => {
    if (seen.has(id)) return false;
    seen.add(id);
    for (const oldest of seen.size > REMEMBERED ? seen : []) {
      seen.delete(oldest);
      break;
    }
    return true;
  };
};

/**
 * Prints events as they come, each once. Once the API has answered, it may be away for any time: reading goes on where it was.
 * @throws ProblemError, ConnectionError before the first answer, or for what does not pass
 */
export const tailEvents = async (options: TailOptions): Promise<void> => {
  const connection = connect(options);
  const { slipway } = connection;
  const input = {
    workspace: connection.workspace(),
    limit: 100,
    ...(options.type !== undefined && { type: options.type.join(",") }),
    ...(options.subject !== undefined && { subject: options.subject }),
    signal: interrupted.signal,
  };
  const isNew = newcomers();
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let place: { readonly since: string } | { readonly cursor: string } = {
    since: new Date(Date.now() - options.since).toISOString(),
  };
  for (let failures = 0; ; ) {
    const page: Answer<"listEvents"> | undefined = await slipway
      .listEvents({ ...input, ...place })
      .catch((error: unknown) => {
        const failure = failureOf(error);
        if ("since" in place || failure.exit !== "unavailable") throw error;
        if (failures === 0 && !options.json) note(`${harmless(failure.detail)}: it is asked again until it does`);
        return undefined;
      });
    if (page === undefined) {
      failures += 1;
      await pause(backoff(failures, Math.random()), interrupted.signal);
      continue;
    }
    failures = 0;
    for (const event of page.items.filter(({ id }) => isNew(id))) {
      await print(options.json ? `${JSON.stringify(event)}\n` : lineOf(event));
      left -= 1;
      if (left <= 0) return;
    }
    place = { cursor: page.nextCursor ?? page.resume };
    if (page.nextCursor === undefined) await pause(options.interval, interrupted.signal);
  }
};
