import type { Finding as ErrorFinding, Schemas } from "../client/index.ts";
import { harmless, styled } from "./output.ts";

type Plan = Schemas["Plan"];
type Transition = Schemas["PlanTransition"];
type Explained = Schemas["PlanComponent"];
type Party = Schemas["PlanParty"];
type Change = Schemas["PlanChange"];
type Finding = Schemas["PlanFinding"];

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** 90 → `1 min 30 s`. */
export const durationText = (seconds: number): string => {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const wants = ({ name, requirement, priority }: Party): string =>
  `${name} wants ${requirement}${priority === 0 ? "" : ` (priority ${priority})`}`;

/** Why a component is as it will be: whose requirement decided, over whose, and what needs it. */
export const reasonOf = (explained: Explained | undefined): string => {
  if (explained === undefined) return "";
  const { winner, agreeing, losers, requiredBy, configuration } = explained;
  const parts = [
    ...(winner === undefined ? [] : [wants(winner)]),
    ...(agreeing.length === 0 ? [] : [`as ${agreeing.map(({ name }) => name).join(", ")}`]),
    ...(losers.length === 0 ? [] : [`not as ${losers.map(wants).join(", ")}`]),
    ...requiredBy.map(({ dependent, requirement }) => `${dependent} needs ${requirement}`),
  ];
  const configured = Object.keys(configuration?.sources ?? {});
  const told = configured.length > 0 ? [`configured: ${configured.join(", ")}`] : [];
  return [...parts, ...told].join("; ");
};

const SIGNS = {
  added: ["+", "green"],
  removed: ["-", "red"],
  upgraded: ["↑", "yellow"],
  downgraded: ["↓", "magenta"],
  reconfigured: ["~", "cyan"],
} as const;

const versions = ({ before, after }: Change): string =>
  before !== undefined && after !== undefined && before !== after ? `${before} → ${after}` : (after ?? before ?? "");

const reasonFor = (change: Change, { before, after }: Transition): string => {
  const of = (all: readonly Explained[]) => all.find(({ component }) => component === change.component);
  if (change.change !== "removed") return reasonOf(of(after));
  const former = reasonOf(of(before));
  return former === "" ? "nothing wants it any more" : `nothing wants it any more; before, ${former}`;
};

const cellText = (cell: Schemas["PlanCell"] | undefined): string => {
  if (cell === undefined) return "";
  return `${cell.names.join(" + ") || "no deployment"} (${cell.runtime})`;
};

const heading = ({ from, to, nodes }: Transition): string => {
  const many = counted(nodes, "node");
  if (from === undefined) return `${many} new in ${cellText(to)}`;
  if (to === undefined) return `${many} leaving ${cellText(from)}`;
  if (from.key === to.key) return `${many} of ${cellText(to)}`;
  return `${many} from ${cellText(from)} to ${cellText(to)}`;
};

const transitionText = (transition: Transition): string => {
  const widths = [
    Math.max(0, ...transition.changes.map(({ component }) => component.length)),
    Math.max(0, ...transition.changes.map((change) => versions(change).length)),
  ] as const;
  const lines = transition.changes.map((change) => {
    const [sign, colour] = SIGNS[change.change];
    const what = `${sign} ${change.component.padEnd(widths[0])}  ${versions(change).padEnd(widths[1])}`;
    return `  ${styled(colour, harmless(what))}  ${styled("dim", harmless(reasonFor(change, transition)))}`.trimEnd();
  });
  const none = transition.changes.length === 0 ? [styled("dim", "  nothing changes on the devices")] : [];
  return [styled("bold", harmless(heading(transition))), ...lines, ...none, ""].join("\n");
};

/** What becomes of one node, on one line. */
export const nodeText = ({ name, changes }: Schemas["PlanNode"]): string => {
  const told = changes.map((change) => {
    const [sign, colour] = SIGNS[change.change];
    return styled(colour, harmless(`${sign} ${change.component} ${versions(change)}`.trimEnd()));
  });
  return `${harmless(name)}  ${told.join(", ") || styled("dim", "nothing changes on the device")}`;
};

const findingText = (finding: Finding, sign: string, colour: "red" | "yellow"): string =>
  [
    `${styled(colour, `${sign} ${finding.kind}`)}  ${harmless(finding.detail)} (${counted(finding.nodes, "node")})`,
    ...finding.remedies.map((remedy) => `    ${harmless(remedy)}`),
  ].join("\n");

/** What forbids a plan, as a failure tells it to programs. */
export const refusalsOf = ({ refusals }: Pick<Plan, "refusals">): ErrorFinding[] =>
  refusals.map(({ kind, detail, remedies }) => ({
    ...{ rule: kind, detail },
    ...(remedies.length > 0 && { hint: remedies.join("; or ") }),
  }));

const summaryText = ({ summary }: Pick<Plan, "summary">): string => {
  const { cells, nodes, seconds, removals } = summary;
  const parts = [
    `${counted(nodes.affected, "node")} affected`,
    `${counted(cells.changed + cells.created, "cell")} to deliver to`,
    `at least ${durationText(seconds)}`,
  ];
  const lost = Object.entries(removals).map(([component, count]) => `${component} leaves ${counted(count, "node")}`);
  return [parts.join(", "), ...lost.map((text) => styled("red", harmless(text)))].join("\n");
};

export const hasChanges = ({ summary }: Pick<Plan, "summary">): boolean =>
  summary.transitions > 0 || summary.nodes.affected > 0;

/** A plan for people: every change with its reason, what forbids it, and what it takes. */
export const planText = (plan: Plan): string => {
  const told = plan.transitions.map((transition) => transitionText(transition));
  const unseen = plan.summary.transitions - plan.transitions.length;
  const sections = [
    ...told,
    ...(unseen > 0 ? [`and ${counted(unseen, "more transition")}: --json has all\n`] : []),
    ...plan.warnings.map((finding) => findingText(finding, "!", "yellow")),
    ...plan.refusals.map((finding) => findingText(finding, "✗", "red")),
    hasChanges(plan) ? summaryText(plan) : "Nothing changes.",
  ];
  return `${sections.join("\n")}\n`;
};
