import { isDeepStrictEqual } from "node:util";
import { AppError } from "../problems.ts";
import type { StoredDeployment } from "./deployment.ts";
import { ComponentWish, type DeploymentPatch } from "./edit.ts";

/** A component as AWS has it in a deployment. */
export interface DeployedComponent {
  readonly version: string;
  /** JSON. */
  readonly merge?: string;
  readonly reset?: readonly string[];
  readonly runWith?: object;
}
type Deployed = Readonly<Record<string, DeployedComponent>>;

const REASON = "adopted from AWS";

const wishFor = (name: string, { version, merge, reset, runWith }: DeployedComponent): ComponentWish => {
  const wish = ComponentWish.safeParse({
    version,
    ...(merge !== undefined && merge !== "" && { merge: jsonOf(merge) }),
    ...(reset !== undefined && reset.length > 0 && { reset }),
    ...(runWith !== undefined && { runWith }),
  });
  if (wish.success) return wish.data;
  throw new AppError("cannot-adopt", `what the other deployment says of ${name} is nothing that a deployment can say`);
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // which no configuration is
    throw error;
  }
};

/**
 * The edit by which a target wants what someone deployed to its cell instead of what Slipway had delivered. What both say
 * stays as it is wanted: a range stays a range, and what came as a dependency stays one.
 *
 * @param ours what Slipway had delivered
 * @throws AppError `cannot-adopt` where no deployment could say that, or the other one says nothing else
 */
export const adoptedEdit = (
  { components }: Pick<StoredDeployment, "components">,
  ours: Deployed,
  theirs: Deployed,
): DeploymentPatch & { readonly edit: "patch" } => {
  const edits: Record<string, ComponentWish | null> = {};
  for (const [name, component] of Object.entries(theirs)) {
    if (!isDeepStrictEqual(ours[name], component)) edits[name] = wishFor(name, component);
  }
  for (const name of Object.keys(components)) {
    if (theirs[name] === undefined) edits[name] = null;
  }
  if (Object.keys(edits).length === 0) {
    throw new AppError("cannot-adopt", "the other deployment says what is wanted already: have it put right");
  }
  return { edit: "patch", components: edits, reason: REASON };
};
