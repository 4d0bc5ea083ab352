import { configurationSources, configured, type Wish } from "./configuration.ts";
import type { Need } from "./dependencies.ts";
import { type CellComponent, type CellSet, type ComponentContent, MAX_DOCUMENT_BYTES } from "./resolve.ts";
import type { VersionIndex } from "./versions.ts";

/** A target's requirement of a component. */
export interface Party {
  readonly target: string;
  readonly requirement: string;
  readonly priority: number;
  readonly catalogue: number;
}

const partyOf = ({ layer, wanted }: Wish): Party => ({
  target: layer.target,
  requirement: wanted.version,
  priority: layer.priority,
  catalogue: wanted.catalogue,
});

/** Why a component of a cell is as it is. */
export interface ExplainedComponent {
  readonly component: string;
  readonly version: string;
  /** The target whose requirement decided; absent for a dependency that no target names. */
  readonly winner?: Party;
  /** Other targets whose requirement the version meets, and those whose it does not, by precedence. */
  readonly agreeing: readonly Party[];
  readonly losers: readonly Party[];
  readonly requiredBy: readonly Need[];
  readonly configuration?: {
    readonly merge?: Readonly<Record<string, unknown>>;
    readonly reset?: readonly string[];
    readonly runWith?: ComponentContent["runWith"];
    /** JSON pointer of each value in `merge` to the target it comes from. */
    readonly sources: Readonly<Record<string, string>>;
  };
}

/** One component of a cell's set, with all that made it so. */
export const explain = (set: CellSet, component: string, { facts, choice }: CellComponent): ExplainedComponent => {
  const wishes = choice?.wishes ?? [];
  const [winner, ...others] = wishes;
  const lost = new Set(choice?.losers);
  const { merge, reset, runWith } = configured(wishes);
  const isConfigured = merge !== undefined || reset !== undefined || runWith !== undefined;
  return {
    component,
    version: facts.version,
    ...(winner !== undefined && { winner: partyOf(winner) }),
    agreeing: others.filter(({ layer }) => !lost.has(layer)).map(partyOf),
    losers: others.filter(({ layer }) => lost.has(layer)).map(partyOf),
    requiredBy: set.needs.get(component) ?? [],
    ...(isConfigured && {
      configuration: {
        ...(merge !== undefined && { merge }),
        ...(reset !== undefined && { reset }),
        ...(runWith !== undefined && { runWith }),
        sources: configurationSources(wishes),
      },
    }),
  };
};

/** What is wrong, or worth knowing, about one cell's set. Equal texts are the same finding in another cell. */
export interface CellFinding {
  readonly kind:
    | "unresolvable"
    | "unmet-dependency"
    | "ambiguous"
    | "too-large"
    | "deprecated"
    | "lite-document-size"
    | "lite-value-size";
  readonly component?: string;
  readonly parties: readonly Party[];
  readonly requiredBy?: readonly Need[];
  readonly detail: string;
  /** What would put it right. */
  readonly remedies: readonly string[];
}

/** How a finding names targets. */
export type NameOf = (target: string) => string;

const listed = (texts: readonly string[], word: "and" | "or" = "and"): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} ${word} ${texts.at(-1)}`;

const said = (parties: readonly Party[], nameOf: NameOf): string =>
  listed(parties.map(({ target, requirement }) => `${nameOf(target)} (${requirement})`));

const some = (versions: readonly string[], word: "and" | "or" = "or"): string =>
  versions.length > 3
    ? `${versions.slice(0, 3).join(", ")} ${word} ${versions.length - 3} more`
    : listed(versions, word);

/** What forbids that a cell gets this set: everything is told, with all parties to it. */
export const refusalsOf = (set: CellSet, index: VersionIndex, nameOf: NameOf): CellFinding[] => [
  ...set.unresolved.map((choice) => unresolvable(set, choice.component, choice.wishes.map(partyOf), index, nameOf)),
  ...set.unmet
    .filter((component) => !set.unresolved.some((choice) => choice.component === component))
    .map((component) => unmetDependency(set, component, index, nameOf)),
  ...set.ambiguous.map((component) => ambiguity(set, component, nameOf)),
  ...tooLarge(set),
];

const unresolvable = (
  set: CellSet,
  component: string,
  parties: readonly Party[],
  index: VersionIndex,
  nameOf: NameOf,
): CellFinding => {
  const [first] = parties;
  const requirement = first?.requirement ?? "";
  const later = index.acceptable(component, requirement, Number.POSITIVE_INFINITY, set.runtime);
  const elsewhere = index.acceptable(component, requirement, Number.POSITIVE_INFINITY, undefined);
  const all = index.all(component).map(({ version }) => version);
  const remedies = [
    ...(later.length > 0
      ? [
          `refresh ${component} in ${nameOf(first?.target ?? "")}: ${some(
            later.map(({ version }) => version),
            "and",
          )} came later`,
        ]
      : []),
    ...(later.length === 0 && elsewhere.length > 0 ? [`publish a version of ${component} for ${set.runtime}`] : []),
    all.length === 0
      ? `publish a version of ${component}`
      : `ask for another version of ${component}: there ${all.length === 1 ? "is" : "are"} ${some(all, "and")}`,
  ];
  const detail = `no version of ${component} that ${nameOf(first?.target ?? "")} may see satisfies ${requirement}`;
  return { kind: "unresolvable", component, parties, detail, remedies };
};

const unmetDependency = (set: CellSet, component: string, index: VersionIndex, nameOf: NameOf): CellFinding => {
  const needs = set.needs.get(component) ?? [];
  const chosen = set.components.get(component);
  const parties = (chosen?.choice?.wishes ?? []).map(partyOf);
  const needed = needs.map(({ dependent, requirement }) => {
    const version = set.components.get(dependent)?.facts.version;
    return `${dependent} ${version} (${requirement})`;
  });
  const takes = needs.map(({ requirement }) =>
    index.acceptable(component, requirement, Number.POSITIVE_INFINITY, set.runtime),
  );
  const fitting = (takes[0] ?? []).filter((facts) => takes.every((list) => list.includes(facts)));
  const versions = fitting.map(({ version }) => version);
  const detail =
    chosen === undefined
      ? `${listed(needed)} ${needs.length === 1 ? "needs" : "need"} ${component}, of which no version will do`
      : `${listed(needed)} ${needs.length === 1 ? "needs" : "need"} another ${component} than ${chosen.facts.version}, which ${said(parties, nameOf)} ${parties.length === 1 ? "wants" : "want"}`;
  const remedies = [
    ...(versions.length > 0 && parties.length > 0
      ? [`let ${listed(parties.map(({ target }) => nameOf(target)))} take ${component} ${some(versions)}`]
      : []),
    ...(versions.length > 0 && parties.length === 0
      ? [`refresh what needs ${component}: ${some(versions, "and")} came later`]
      : []),
    ...(versions.length === 0
      ? [`publish a version of ${component} that all of them take, or refresh the catalogue`]
      : []),
    ...needs.flatMap(({ dependent }) => takers(set, dependent, component, chosen, index)),
  ];
  return { kind: "unmet-dependency", component, parties, requiredBy: needs, detail, remedies };
};

/** Versions of a dependent that would take what there is of a component. */
const takers = (
  set: CellSet,
  dependent: string,
  component: string,
  chosen: CellComponent | undefined,
  index: VersionIndex,
): string[] => {
  const versions = index
    .all(dependent)
    .filter((facts) => {
      const dependency = Object.entries(facts.dependencies ?? {}).find(([name]) => name === component)?.[1];
      if (dependency === undefined) return true;
      if (chosen === undefined) return false;
      return index
        .acceptable(component, dependency.requirement, Number.POSITIVE_INFINITY, set.runtime)
        .includes(chosen.facts);
    })
    .map(({ version }) => version);
  if (versions.length === 0) return [];
  const why = chosen === undefined ? `no ${component} is needed` : `${component} ${chosen.facts.version} will do`;
  return [`ask for ${dependent} ${some(versions)}, with which ${why}`];
};

const ambiguity = (set: CellSet, component: string, nameOf: NameOf): CellFinding => {
  const choice = set.components.get(component)?.choice;
  const wishes = choice?.wishes ?? [];
  const [first] = wishes;
  const lost = new Set(choice?.losers);
  const equals = wishes.filter(
    ({ layer }) => layer.kind === first?.layer.kind && layer.priority === first.layer.priority,
  );
  const parties = equals.filter((wish) => wish === first || lost.has(wish.layer)).map(partyOf);
  return {
    kind: "ambiguous",
    component,
    parties,
    detail: `${said(parties, nameOf)} want different versions of ${component}, and have the same priority`,
    remedies: [
      `give one of ${listed(parties.map(({ target }) => nameOf(target)))} a higher priority`,
      `let them ask for a version of ${component} that suits both`,
      `name ${component} in a deployment of the node itself`,
    ],
  };
};

const bytesOf = ({ components }: CellSet): number => {
  let bytes = 2;
  for (const component of components.values()) bytes += component.bytes + 1;
  return bytes;
};

/** What a job's document has beside the components: ids, ARN, policies. */
const AROUND_BYTES = 1_024;

const tooLarge = (set: CellSet): CellFinding[] => {
  const bytes = bytesOf(set);
  if (bytes <= MAX_DOCUMENT_BYTES) return [];
  const detail = `the components take ${bytes} bytes; devices take at most ${MAX_DOCUMENT_BYTES}`;
  return [{ kind: "too-large", parties: [], detail, remedies: ["move configuration into artifacts"] }];
};

/** Nucleus lite announces this as the largest MQTT packet that it takes: a larger job waits for ever, without an error. */
const LITE_PACKET_BYTES = 5_000;
/** One configuration value, as JSON, that lite stores. */
const LITE_VALUE_BYTES = 1_024;

/** What is worth knowing of a set that can be delivered. */
export const warningsOf = (set: CellSet, nameOf: NameOf): CellFinding[] => {
  const found: CellFinding[] = [];
  for (const [component, { facts, choice }] of set.components) {
    if (facts.deprecated === undefined) continue;
    const parties = (choice?.wishes ?? []).map(partyOf);
    const asked = parties.length === 0 ? "" : `, asked for by ${said(parties, nameOf)}`;
    const detail = `${component} ${facts.version}${asked}, is deprecated: ${facts.deprecated}`;
    found.push({
      kind: "deprecated",
      component,
      parties,
      detail,
      remedies: [`ask for another version of ${component}`],
    });
  }
  return set.runtime === "nucleus-lite" ? [...found, ...liteWarnings(set)] : found;
};

const liteWarnings = (set: CellSet): CellFinding[] => {
  const found: CellFinding[] = [];
  const bytes = bytesOf(set) + AROUND_BYTES;
  if (bytes > LITE_PACKET_BYTES) {
    found.push({
      kind: "lite-document-size",
      parties: [],
      detail: `the job's document takes about ${bytes} bytes; nucleus lite takes no message over ${LITE_PACKET_BYTES}`,
      remedies: ["deploy fewer components, or less configuration, to nodes with nucleus lite"],
    });
  }
  for (const [component, { choice, bytes: all }] of set.components) {
    if (all <= LITE_VALUE_BYTES) continue; // so is every value in it
    const { merge = {} } = configured(choice?.wishes ?? []);
    for (const [key, value] of Object.entries(merge)) {
      const size = Buffer.byteLength(JSON.stringify(value));
      if (size <= LITE_VALUE_BYTES) continue;
      const detail = `${component}: the value of ${key} takes ${size} bytes; nucleus lite stores at most ${LITE_VALUE_BYTES}`;
      const parties = (choice?.wishes ?? []).map(partyOf);
      found.push({ kind: "lite-value-size", component, parties, detail, remedies: ["split the value"] });
    }
  }
  return found;
};
