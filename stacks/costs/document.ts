import type { IntentKind } from "../../shared/intent/intent.ts";
import { happyPath } from "./path.ts";
import { costOf, LOOKED_UP, type Price, type PriceName, prices, type RegionPrice, type Source } from "./prices.ts";
import { quotas } from "./quotas.ts";
import {
  ASSUMED,
  anonymous,
  FLEETS,
  idle,
  intentsOf,
  managed,
  missesOf,
  polled,
  pollsOf,
  type Quantities,
} from "./usage.ts";

const grouped = (number: number, digits = 0): string => {
  const [whole = "", fraction] = number.toFixed(digits).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction === undefined ? "" : `.${fraction}`);
};
const usd = (amount: number): string =>
  amount === 0 ? "0" : amount < 0.005 ? "<0.01" : grouped(amount, amount < 100 ? 2 : 0);
const figure = (number: number): string =>
  number === 0 || number >= 100 ? grouped(number) : String(Number(number.toPrecision(2)));

const nameOf = (url: string): string => new URL(url).hostname.replace(/^www\./, "");
const linked = ({ url, dated, note }: Source): string =>
  [`[${nameOf(url)}](${url})`, dated, note].filter((part) => part !== undefined).join(", ");

const entries = Object.entries(prices) as [PriceName, Price][];

const tiersOf = ({ tiers }: RegionPrice): string =>
  tiers
    .map(([upTo, price], index) => {
      const told = price === undefined ? "**not found**" : String(price);
      if (upTo !== Number.POSITIVE_INFINITY) return `${told} to ${grouped(upTo)}`;
      return index === 0 ? told : `${told} beyond`;
    })
    .join("; ");

/** The price of what comes before that for which none was found. */
const lastPriceOf = ({ tiers }: RegionPrice): number => tiers.findLast(([, price]) => price !== undefined)?.[1] ?? 0;

const priceTable = (): string => {
  const rows = entries.map(([, { what, unit, per, usEast1, euWest1 }]) => {
    const each = per === 1 ? unit.replace(/s$/, "") : `${grouped(per)} ${unit}`;
    const other = euWest1 === undefined ? "not found" : tiersOf(euWest1);
    const sources = [linked(usEast1.source)];
    if (euWest1 !== undefined && euWest1.source.url !== usEast1.source.url) sources.push(linked(euWest1.source));
    return `| ${what} | ${each} | ${tiersOf(usEast1)} | ${other} | ${sources.join("; ")} |`;
  });
  return ["| what | USD for each | us-east-1 | eu-west-1 | source |", "|---|---|---|---|---|", ...rows].join("\n");
};

const billTable = (used: (devices: number) => Quantities, fleets: readonly number[]): string => {
  const bills = fleets.map(used);
  const left: string[] = [];
  const totals = fleets.map(() => 0);
  const rows = entries.flatMap(([name, { what, unit, per, usEast1 }]) => {
    if (bills.every((bill) => bill[name] === undefined)) return [];
    const cells = bills.map((bill, column) => {
      const quantity = bill[name] ?? 0;
      const { usd: cost, unpriced } = costOf(usEast1, per, quantity);
      totals[column] = (totals[column] ?? 0) + cost;
      if (unpriced > 0) {
        const last = lastPriceOf(usEast1);
        const like = usd((unpriced / per) * last);
        left.push(
          `${grouped(unpriced)} ${unit} at ${grouped(fleets[column] ?? 0)} devices (${like}, were they as dear)`,
        );
      }
      return usd(cost) + (unpriced > 0 ? " *" : "");
    });
    return [`| ${what} | ${cells.join(" | ")} |`];
  });
  const head = fleets.length === 1 ? ["USD a month"] : fleets.map((devices) => grouped(devices));
  const table = [
    `| ${fleets.length === 1 ? "" : "devices"} | ${head.join(" | ")} |`,
    `|---|${head.map(() => "---:|").join("")}`,
    ...rows,
    `| **sum** | ${totals.map((total) => `**${usd(total)}**`).join(" | ")} |`,
  ];
  if (left.length > 0) table.push("", `\\* Left out of the sum, for want of a price: ${left.join("; ")}.`);
  return table.join("\n");
};

const MILLION = 1_000_000;
const fleetsPolls = (devices: number): [number, number] => [pollsOf(devices), missesOf(pollsOf(devices))];

/** Polls that the cache answers, polls that it does not, and those of fleets as assumed: what a million of each costs. */
const POLLS: readonly (readonly [head: string, polls: number, calls: number])[] = [
  ["all from the cache", MILLION, 0],
  ["all from the function", MILLION, MILLION],
  ...FLEETS.map((devices) => [`of ${grouped(devices)} devices`, ...fleetsPolls(devices)] as const),
];

/** USD for a million polls of each column, by what is paid for. */
export const pollCosts = (): readonly (readonly [what: string, costs: readonly number[]])[] =>
  entries.flatMap(([name, { what, per, usEast1 }]) => {
    const costs = POLLS.map(([, polls, calls]) => {
      const quantity = polled(polls, calls)[name] ?? 0;
      return costOf(usEast1, per, quantity).usd / (polls / MILLION);
    });
    return costs.some((cost) => cost > 0) ? [[what, costs] as const] : [];
  });

const pollTable = (): string => {
  const costs = pollCosts();
  const sums = POLLS.map((_, column) => costs.reduce((sum, [, row]) => sum + (row[column] ?? 0), 0));
  return [
    `| a million polls, | ${POLLS.map(([head]) => head).join(" | ")} |`,
    `|---|${POLLS.map(() => "---:|").join("")}`,
    ...costs.map(([what, row]) => `| ${what} | ${row.map(usd).join(" | ")} |`),
    `| **sum** | ${sums.map((sum) => `**${usd(sum)}**`).join(" | ")} |`,
  ].join("\n");
};

const quotaTable = (): string => {
  const rows = quotas.map(({ what, limit, url, need, when }) => {
    const needs = FLEETS.map((devices) => {
      const needed = need(devices);
      return needed > limit ? `**${figure(needed)}**` : figure(needed);
    });
    return `| [${what}](${url}) | ${grouped(limit)} | ${needs.join(" | ")} | ${when} |`;
  });
  const head = `| quota | default | ${FLEETS.map((devices) => grouped(devices)).join(" | ")} | needed when |`;
  return [head, `|---|---:|${FLEETS.map(() => "---:|").join("")}---|`, ...rows].join("\n");
};

const intentTable = (): string => {
  const rows = (Object.entries(intentsOf(1_000)) as [IntentKind, number][]).map(([kind, count]) => {
    const { transitions, tasks } = happyPath(kind, ASSUMED.cellsPerGroup.value);
    return `| \`${kind}\` | ${figure(count)} | ${transitions} | ${tasks.length} |`;
  });
  return ["| intent | a month | state transitions | tasks |", "|---|---:|---:|---:|", ...rows].join("\n");
};

const assumptionTable = (): string =>
  [
    "| | assumed | because |",
    "|---:|---|---|",
    ...Object.values(ASSUMED).map(
      ({ value, what, why }) => `| ${grouped(value, value % 1 === 0 ? 0 : 2)} | ${what} | ${why} |`,
    ),
  ].join("\n");

/** docs/COSTS.md. */
export const costsDocument = (): string => `# Costs and quotas

Computed by \`npm run costs\` from the prices in \`stacks/costs/prices.ts\` and the use in \`stacks/costs/usage.ts\`; change them
there and write this page anew with \`npm run costs -- --write\`. Estimates from list prices of us-east-1, in USD a month,
without free tiers, taxes, support, domain names and Cognito's users; nothing here was measured on AWS.

## A stage without devices

${billTable(idle, [0])}

Metrics are paid for by the hour in which they have values, so that this is what a busy stage pays for them, and an idle one
much less.

## Managed devices, beside that

${billTable(managed, FLEETS)}

## Anonymous devices, beside the first table

${billTable(anonymous, FLEETS)}

### A million polls

What a million polls cost, without the binaries that devices fetch after some of them: where the cache answers all of them, where
the function does (so many in a month that has no others), and on average of the fleets above, of which the cache answers the
more the larger they are.

${pollTable()}

Not in the sums, since no price was found: streams' bytes past the first 6 MB of an answer of Lambda, which are few for what
CloudFront keeps; the delivery of CloudFront's access logs (what they take in S3 is in); credentials and component requests
of Greengrass' data plane. DynamoDB Streams cost nothing when Lambda reads them
([DynamoDB's pricing](https://aws.amazon.com/dynamodb/pricing/on-demand/)).

† Counted at the price found, though no source was found that says whether AWS bills it: the jobs of Greengrass' own
deployments as remote actions. The sums are the higher for it.

## Quotas

Per account and region, with how much so many devices need; what is over the default is **bold** and is to be raised
(Service Quotas in the console, or \`aws service-quotas request-service-quota-increase\`) before the fleet has that size. New
accounts begin with less than some of these defaults: look at the account's own values first.

${quotaTable()}

## What the sums rest on

${assumptionTable()}

So 1,000 managed devices make these intents, whose steps are counted in \`workflows/\`, without retries:

${intentTable()}

## Prices

Read on ${LOOKED_UP} in stored copies of these pages, which give themselves the dates shown, if any. AWS's own price list is the
last word: \`aws pricing get-products\`. Where eu-west-1 says "not found", no source with an address was found; prices there are
mostly the same or some percent higher.

${priceTable()}
`;
