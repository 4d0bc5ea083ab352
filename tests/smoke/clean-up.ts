import type { ApiClient } from "../../local/api-client.ts";
import { doneWith, expecting } from "./context.ts";
import { PREFIX, type Target } from "./environment.ts";
import { expectThat } from "./run.ts";

interface Named {
  readonly id: string;
  readonly name: string;
  readonly status?: string;
  readonly version?: string;
}

/** A workspace takes its time: AWS IoT keeps a thing type for five minutes after it is deprecated. */
const WORKSPACE_SECONDS = 1_200;

const listed = async (client: ApiClient, path: string): Promise<Named[]> => {
  const items: Named[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await client.call<{ items: Named[]; nextCursor?: string }>("GET", `${path}?limit=100${query}`);
    const { body } = expecting(200, answer);
    items.push(...body.items);
    cursor = body.nextCursor;
  } while (cursor !== undefined);
  return items;
};

/**
 * Deletes all that a workspace has, and then the workspace, going by what the API lists: also after a run that broke off
 * anywhere. What cannot be deleted does not keep the rest.
 * @returns what is left, in words
 */
const cleanWorkspace = async (client: ApiClient, target: Target, workspace: Named): Promise<string[]> => {
  const path = `/v1/workspaces/${workspace.id}`;
  const done = doneWith(client, target);
  const left: string[] = [];
  const remove = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      left.push(`${what} of ${workspace.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const each = async (kind: string, from: string, work: (item: Named) => Promise<unknown>): Promise<void> => {
    await remove(`${kind}s`, async () => {
      for (const item of await listed(client, from)) await remove(`${kind} ${item.name ?? item.id}`, () => work(item));
    });
  };
  if (workspace.status === "active") {
    await each("node", `${path}/nodes`, ({ id }) => done("DELETE", `${path}/nodes/${id}`));
    // A version cannot go while a deployment names it; a group's deployment goes with the group.
    await each("node group", `${path}/node-groups`, ({ id }) => done("DELETE", `${path}/node-groups/${id}`));
    await each("component", `${path}/components`, async ({ id }) => {
      const component = `${path}/components/${id}`;
      for (const one of await listed(client, `${component}/versions`)) {
        await done("DELETE", `${component}/versions/${one.version}`);
      }
      expecting(204, await client.call("DELETE", component));
    });
    await each("release", `${path}/releases`, ({ id }) => done("DELETE", `${path}/releases/${id}`));
  }
  const patient = doneWith(client, { ...target, intentSeconds: WORKSPACE_SECONDS });
  await remove("workspace", () => patient("DELETE", path));
  return left;
};

/**
 * Deletes the workspaces of smoke runs that the caller is a member of: this run's, or every run's.
 * @throws Error with all that is left
 */
export const cleanUp = async (client: ApiClient, target: Target, run?: string): Promise<void> => {
  const wanted = ({ name }: Named) => (run === undefined ? name.startsWith(PREFIX) : name === PREFIX + run);
  const left: string[] = [];
  for (const workspace of (await listed(client, "/v1/workspaces")).filter(wanted)) {
    left.push(...(await cleanWorkspace(client, target, workspace)));
  }
  expectThat(left.length === 0, `left behind: ${left.join("; ")}`);
};
