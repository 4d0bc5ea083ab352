import type { Intent, Schemas } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { confirmed } from "./confirm.ts";
import { type Connection, connect, type WaitOptions } from "./connect.ts";
import { CliError, EXIT } from "./failures.ts";
import { structured } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { note, print } from "./output.ts";
import { hasChanges, nodeText, planText, refusalsOf } from "./plan-text.ts";
import { printIntent } from "./run.ts";

type Plan = Schemas["Plan"];
type Edit = Schemas["ProposedEdit"];

export interface EditOptions extends CommonOptions {
  readonly group?: string;
  readonly node?: string;
  readonly component?: readonly string[];
  readonly remove?: readonly string[];
  readonly priority?: number;
  readonly file?: string;
  readonly replace?: true;
  readonly refresh?: true | string;
  readonly rollback?: number;
  readonly reason?: string;
  readonly exitCode?: true;
  readonly nodes?: true;
}

export interface ApplyOptions extends EditOptions, WaitOptions {
  readonly yes?: true;
  readonly plan?: string;
}

interface Target {
  readonly type: "group" | "node";
  readonly name: string;
}

const targetOf = ({ group, node }: EditOptions): Target => {
  if ((group === undefined) === (node === undefined)) {
    throw new CliError("usage", "a deployment is of one target", "Give --group NAME or --node NAME.");
  }
  return group === undefined ? { type: "node", name: node ?? "" } : { type: "group", name: group };
};

/** `com.example.Hello@^1.0.0`. */
const wish = (text: string): [string, { version: string }] => {
  const at = text.lastIndexOf("@");
  if (at < 1 || at === text.length - 1) {
    throw new CliError("usage", `${text} names no version`, "Give one such as com.example.Hello@^1.0.0.");
  }
  return [text.slice(0, at), { version: text.slice(at + 1) }];
};

/** What options and file say, as the API takes it. @throws CliError where they say nothing, or two things */
export const editOf = async (options: EditOptions): Promise<Edit> => {
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  if (options.rollback !== undefined) return { edit: "rollback", revision: options.rollback, ...reason };
  if (options.refresh !== undefined) {
    const components = options.refresh === true ? {} : { components: options.refresh.split(",") };
    return { edit: "refresh", ...components, ...reason };
  }
  const file = options.file === undefined ? {} : await structured(`@${options.file}`, options.file);
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    throw new CliError("usage", `${options.file} is no deployment: it must have components`);
  }
  const given = file as { components?: Record<string, unknown> };
  const components = {
    ...given.components,
    ...Object.fromEntries((options.component ?? []).map(wish)),
    ...Object.fromEntries((options.remove ?? []).map((name) => [name, null])),
  };
  const said = {
    ...given,
    ...(options.replace || Object.keys(components).length > 0 ? { components } : {}),
    ...(options.priority !== undefined && { priority: options.priority }),
  };
  if (Object.keys(said).length === 0) {
    const next = "Give --component NAME@VERSION, --remove NAME, --priority N, --file FILE, --refresh or --rollback N.";
    throw new CliError("usage", "nothing to change was given", next);
  }
  return { edit: options.replace ? "replace" : "patch", ...said, ...reason } as Edit;
};

/** So many transitions are shown to people. */
const SHOWN = 100;

const changesOf = (target: Target, edit: Edit): Schemas["PlanRequest"] => {
  const deployments = { [target.name]: { deployment: edit } };
  return target.type === "group" ? { nodeGroups: deployments } : { nodes: deployments };
};

/** The plan of changes, with all that they make different, or as much as a person reads. */
export const planOf = async (connection: Connection, body: Schemas["PlanRequest"], all: boolean): Promise<Plan> => {
  const { slipway, workspace } = connection;
  const ask = (cursor?: string) =>
    slipway.planChanges({ workspace: workspace(), body, limit: 25, cursor, signal: interrupted.signal });
  const { nextCursor, ...plan } = await ask();
  const transitions = [...plan.transitions];
  for (let cursor = nextCursor; cursor !== undefined && (all || transitions.length < SHOWN); ) {
    const page = await ask(cursor); // refused where it would be of another plan by now
    transitions.push(...page.transitions);
    cursor = page.nextCursor;
  }
  return { ...plan, transitions };
};

const show = async (plan: Plan, target: Target, edit: Edit, { json }: EditOptions): Promise<void> => {
  if (json) return print(`${JSON.stringify({ target, edit, ...plan })}\n`);
  await print(planText(plan));
};

/** Prints what an edit would make of each node that it reaches, a line each, page after page. */
const showNodes = async (connection: Connection, target: Target, edit: Edit, { json }: EditOptions): Promise<void> => {
  const { slipway, workspace } = connection;
  const group = target.type === "group" ? target.name : undefined;
  const body = changesOf(target, edit);
  let cursor: string | undefined;
  do {
    const input = { workspace: workspace(), body, group, limit: 100, cursor, signal: interrupted.signal };
    const { items, nextCursor } = await slipway.planNodes(input);
    // Without places, nothing becomes of it.
    const reached = items.filter(({ from, to }) => from !== undefined || to !== undefined);
    await print(reached.map((node) => `${json ? JSON.stringify(node) : nodeText(node)}\n`).join(""));
    cursor = nextCursor;
  } while (cursor !== undefined);
};

/** Shows what an edit of a deployment would do to every node, and why. */
export const planDeployment = async (options: EditOptions): Promise<void> => {
  const [target, edit] = [targetOf(options), await editOf(options)];
  const connection = connect(options);
  const plan = await planOf(connection, changesOf(target, edit), options.json === true && !options.nodes);
  if (!options.json || !options.nodes) await show(plan, target, edit, options);
  if (options.nodes) await showNodes(connection, target, edit, options);
  if (plan.refusals.length > 0) throw refused("the API would refuse it", plan, options);
  if (options.exitCode && hasChanges(plan)) process.exitCode = EXIT.changes[0];
};

/** People have seen the reasons in the plan; programs get them here. */
const refused = (what: string, plan: Plan, { json }: EditOptions): CliError => {
  const count = plan.refusals.length;
  const detail = `${what}: ${count} ${count === 1 ? "thing forbids" : "things forbid"} it`;
  return new CliError("refused", detail, "Each says what would put it right.", json ? refusalsOf(plan) : []);
};

/** Sends an edit that carries the hash of the plan that was shown: what is done is what was seen. */
const send = async ({ slipway, workspace }: Connection, target: Target, edit: Edit, plan: string): Promise<Intent> => {
  const { edit: kind, ...said } = edit;
  const at = target.type === "group" ? { nodeGroup: target.name } : { node: target.name };
  const noun = target.type === "group" ? "NodeGroupDeployment" : "NodeDeployment";
  const verb = { patch: "update", replace: "replace", refresh: "refresh", rollback: "rollBack" }[kind];
  const input = { workspace: workspace(), ...at, body: { ...said, plan }, signal: interrupted.signal };
  const { data } = await slipway.call(`${verb}${noun}` as "updateNodeGroupDeployment", input as never);
  return data;
};

/** Shows the plan of an edit, and does it once that is agreed to. */
export const applyDeployment = async (options: ApplyOptions): Promise<void> => {
  const [target, edit] = [targetOf(options), await editOf(options)];
  const connection = connect(options);
  const plan = await planOf(connection, changesOf(target, edit), false);
  if (!options.json) await show(plan, target, edit, options);
  if (plan.refusals.length > 0) throw refused("the API refuses it", plan, options);
  if (options.plan !== undefined && options.plan !== plan.hash) {
    throw new CliError(
      "conflict",
      "the plan is not the one of --plan any more",
      "Look at it again: slipway deploy plan.",
    );
  }
  if (options.plan === undefined && !(await confirmed("Do this?", options))) return note("Nothing was done.");
  await printIntent(connection.slipway, await send(connection, target, edit, plan.hash), options);
};
