import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { aPublishedComponent, expecting } from "./cloud.ts";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export const randomOf = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const GROUPS = ["g0", "g1", "g2", "g3"];
const VERSIONS = ["1.0.0", "1.1.0", "2.0.0"];
const COMPONENTS = GROUPS.map((_, index) => `com.example.load${index}`);

export interface Workload {
  /** Asks for something at random; the intent's id if that was accepted. A connection that breaks is a TypeError. */
  readonly ask: (api: ApiClient) => Promise<string | undefined>;
  /** How many requests were answered, by status. */
  readonly answers: ReadonlyMap<number, number>;
}

/**
 * A workspace in which owners do what owners do: nodes come and go, in one or two groups, node groups too, deployments
 * change, versions are published. Each group deploys a component of its own.
 */
export const aWorkload = async (api: ApiClient, seed: number): Promise<Workload> => {
  const workspace = "/v1/workspaces/load";
  await api.done("POST", "/v1/workspaces", { name: "load" });
  for (const name of GROUPS) await api.done("POST", `${workspace}/node-groups`, { name });
  for (const name of COMPONENTS) await aPublishedComponent(api, workspace, name, VERSIONS[0]);
  for (const [index, name] of COMPONENTS.entries()) {
    for (const version of VERSIONS.slice(1)) {
      const versions = `${workspace}/components/${name}/versions`;
      await expecting(201, api.call("POST", versions, { body: { version, recipe: { run: `echo ${index}` } } }));
      await api.done("POST", `${versions}/${version}/publish`);
    }
  }
  const random = randomOf(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const answers = new Map<number, number>();
  let count = 0;
  /** Names of what was asked for and may be there. */
  const nodes: string[] = [];
  const extraGroups: string[] = [];

  const request = (): [method: string, path: string, body?: unknown] => {
    count += 1;
    const kind = random();
    if (kind < 0.2 && nodes.length > 0) {
      return ["DELETE", `/nodes/${nodes.splice(Math.floor(random() * nodes.length), 1)[0]}`];
    }
    if (kind < 0.35) {
      const index = Math.floor(random() * GROUPS.length);
      const components = { [String(COMPONENTS[index])]: { version: pick(VERSIONS) } };
      return ["PATCH", `/node-groups/${GROUPS[index]}/deployment`, { components }];
    }
    if (kind < 0.4) return ["DELETE", `/node-groups/${pick(GROUPS)}/deployment`];
    if (kind < 0.45 && extraGroups.length > 0) return ["DELETE", `/node-groups/${extraGroups.shift()}`];
    if (kind < 0.5) {
      extraGroups.push(`extra${count}`);
      return ["POST", "/node-groups", { name: `extra${count}` }];
    }
    nodes.push(`n${count}`);
    const groups = random() < 0.3 ? GROUPS.slice(0, 2) : [pick(GROUPS)];
    return ["POST", "/nodes", { name: `n${count}`, groups }];
  };

  return {
    answers,
    ask: async (client) => {
      const [method, path, body] = request();
      const answer = await client.call<IntentBody>(method, `${workspace}${path}`, body === undefined ? {} : { body });
      answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
      return answer.status === 202 ? answer.body.id : undefined;
    },
  };
};
