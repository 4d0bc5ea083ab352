import type { KeptComponent, StoredDeployment } from "./deployment.ts";

/** A deployment that reaches a cell, as the resolver sees it. */
export interface Layer {
  readonly target: string;
  readonly kind: "node-group" | "node";
  readonly priority: number;
  /** With each component the number up to which it sees published versions. */
  readonly components: Readonly<Record<string, KeptComponent>>;
}

/** A stored deployment as a layer. */
export const layerOf = ({
  target,
  priority,
  components,
}: Pick<StoredDeployment, "target" | "priority" | "components">): Layer => ({
  target: target.id,
  kind: target.type,
  priority,
  components,
});

/** Highest precedence first: node before group, then the higher priority, then the older target. Total. */
export const byPrecedence = (a: Layer, b: Layer): number => {
  if (a.kind !== b.kind) return a.kind === "node" ? -1 : 1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.target < b.target ? -1 : 1; // ids sort by creation
};

export const samePrecedence = (a: Layer, b: Layer): boolean => a.kind === b.kind && a.priority === b.priority;
