import type { ProblemCode } from "../problems.ts";
import type { Runtime } from "./cell.ts";
import type { StoredDeployment } from "./deployment.ts";
import { type CellFinding, refusalsOf } from "./explain.ts";
import { byPrecedence, layerOf } from "./layers.ts";
import { cellContent, cellHash, type DeploymentContent, resolver } from "./resolve.ts";
import { type DeliverySettings, deliverySettings } from "./settings.ts";
import type { Published } from "./versions.ts";

/** What a cell should deliver. */
export interface Deliverable {
  readonly hash: string;
  readonly content: DeploymentContent;
  /** Component to exact version, dependencies included. */
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: DeliverySettings;
}

/** Why nothing can be delivered, told in one text; the devices keep what they have. */
export interface Undeliverable {
  readonly code: ProblemCode;
  readonly detail: string;
}

const CODES: Partial<Record<CellFinding["kind"], ProblemCode>> = {
  unresolvable: "unresolvable",
  "unmet-dependency": "unmet-dependency",
  "too-large": "deployment-too-large",
};

/**
 * What the deployments that reach a cell make of it. Targets that disagree keep nothing from being delivered: the plan and
 * the API tell of that. What is unresolved or unmet does, since to leave it out would uninstall what runs.
 *
 * @param deployments of the cell's targets, in any order
 */
export const wishOf = (
  runtime: Runtime,
  deployments: readonly StoredDeployment[],
  published: Published,
): Deliverable | Undeliverable => {
  const { set, index } = resolver(published);
  const resolved = set(deployments.map(layerOf), runtime);
  const nameOf = (target: string): string => {
    const found = deployments.find(({ id }) => id === target)?.target;
    return found === undefined ? target : `${found.type === "node" ? "node" : "node group"} ${found.name}`;
  };
  const [first, ...others] = refusalsOf(resolved, index, nameOf).filter(({ kind }) => CODES[kind] !== undefined);
  if (first !== undefined) {
    const more = others.length > 0 ? `; and ${others.length} more` : "";
    const remedies = first.remedies.length > 0 ? ` (${first.remedies.join("; or ")})` : "";
    return { code: CODES[first.kind] ?? "unresolvable", detail: `${first.detail}${remedies}${more}` };
  }
  const content = cellContent(resolved);
  const byRank = [...deployments].sort((a, b) => byPrecedence(layerOf(a), layerOf(b)));
  return {
    hash: cellHash(resolved),
    content,
    versions: Object.fromEntries(
      Object.entries(content).map(([name, { componentVersion }]) => [name, componentVersion]),
    ),
    settings: deliverySettings(byRank),
  };
};
