import * as z from "zod";
import { Requirement, RunWith, WantedComponent } from "../shared/deployment/deployment.ts";
import { DeploymentPatch } from "../shared/deployment/edit.ts";
import { Policies, Rollout } from "../shared/deployment/settings.ts";
import { ComponentName, ResourceName } from "../shared/names.ts";
import { NodeWish } from "../shared/node/node.ts";
import { CreateRelease } from "../shared/ota/release.ts";
import { Description } from "../shared/resource.ts";
import { CliError } from "./failures.ts";

/** A component as a deployment names it: a requirement alone, or with configuration. */
const Component = z.union([Requirement, WantedComponent.extend({ runWith: RunWith.optional() })]);

const { priority, autoUpdate } = DeploymentPatch.shape;

/** A setting that is not said stays as it is; `null` takes it away. Components are said all or not at all. */
const Deployment = z.strictObject({
  components: z.record(ComponentName, Component).optional(),
  priority,
  autoUpdate,
  policies: Policies.nullable().optional(),
  rollout: Rollout.nullable().optional(),
});

const { rollout, allowDowngrade } = CreateRelease.shape;

const Release = CreateRelease.omit({ size: true }).extend({
  rollout: rollout.unwrap().optional(),
  allowDowngrade: allowDowngrade.unwrap().optional(),
  file: z.string().optional(),
  sha256: CreateRelease.shape.sha256.optional(),
});

const Group = z.strictObject({ description: Description.optional(), deployment: Deployment.optional() });

const { groups, runtime } = NodeWish.shape;

const Node = NodeWish.omit({ name: true }).extend({
  groups: groups.unwrap().optional(),
  runtime: runtime.unwrap().optional(),
  deployment: Deployment.optional(),
});

/** What a file declares, by the API's own rules. What is not said of a thing is left as it is. */
export const Fleet = z.strictObject({
  workspace: z.string().optional(),
  groups: z.record(ResourceName, Group.nullable()).optional(),
  nodes: z.record(ResourceName, Node.nullable()).optional(),
  releases: z.array(Release).optional(),
});
export type Fleet = z.infer<typeof Fleet>;
export type FleetComponent = z.infer<typeof Component>;
export type FleetDeployment = z.infer<typeof Deployment>;
export type FleetRelease = z.infer<typeof Release>;
export type FleetNode = z.infer<typeof Node>;

type Path = readonly PropertyKey[];
interface Wrong {
  readonly path: Path;
  readonly rule: string;
  readonly detail: string;
}

/** What an issue says of which place: of a union the form that was meant, of a record's key the rule for it. */
const wrongs = (issue: z.core.$ZodIssue, above: Path = []): Wrong[] => {
  const path = [...above, ...issue.path];
  const { code: rule } = issue;
  if (issue.code === "invalid_union") {
    const isOtherType = ([first]: readonly z.core.$ZodIssue[]) =>
      first?.code === "invalid_type" && first.path.length === 0;
    const meant = issue.errors.find((errors) => !isOtherType(errors));
    if (meant !== undefined) return meant.flatMap((inner) => wrongs(inner, path));
    return [
      { path, rule, detail: issue.errors.flatMap((errors) => errors.map(({ message }) => message)).join("; or: ") },
    ];
  }
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => ({ path, rule, detail: message }));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], rule, detail: `${key} is not a member here` }));
  }
  return [{ path, rule, detail: issue.message }];
};

const pointerOf = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/**
 * @param parsed what the file's text says
 * @param lineOf the line where a place of it is
 * @throws CliError that says of each place that is wrong what is the rule
 */
export const fleetOf = (parsed: unknown, file: string, lineOf: (path: Path) => number | undefined): Fleet => {
  const result = Fleet.safeParse(parsed ?? {});
  if (result.success) return result.data;
  const found = result.error.issues.flatMap((issue) => wrongs(issue));
  const errors = found.map(({ path, rule, detail }) => {
    const line = lineOf(path);
    return { pointer: pointerOf(path), ...(line !== undefined && { line }), rule, detail };
  });
  const count = errors.length === 1 ? "one place is" : `${errors.length} places are`;
  throw new CliError("usage", `${file} is no fleet: ${count} wrong`, "docs/CLI.md has the form.", errors);
};

/** A file's text, JSON or YAML. @throws CliError that says in which line what is wrong */
export const readFleetFile = async (text: string, file: string): Promise<Fleet> => {
  const { isMap, isSeq, LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = lines.linePos(error.pos[0]).line;
    throw new CliError("usage", `${file} is neither JSON nor YAML: line ${line}: ${error.message}`);
  }
  const lineOf = (path: Path): number | undefined => {
    let at: unknown = document.contents;
    let offset = document.contents?.range?.[0];
    for (const step of path) {
      const pair = isMap(at) ? at.items.find(({ key }) => String(key) === String(step)) : undefined;
      const inner: unknown = isSeq(at) ? at.items[Number(step)] : pair?.value;
      const here = (pair?.key ?? inner) as { range?: readonly number[] | null } | undefined;
      if (here === undefined) break;
      offset = here.range?.[0] ?? offset;
      at = inner;
    }
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  return fleetOf(document.toJS(), file, lineOf);
};
