import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { expect } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import type { Askable } from "../../../shared/event-rule/event-rule.ts";
import { until } from "../../local/until.ts";
import { expecting, type TestCloud } from "./cloud.ts";
import { controlOf } from "./control.ts";

/** What came of an event that asked for an intent. */
export interface Outcome {
  readonly type: string;
  readonly data: {
    readonly requestId: string;
    readonly intentId?: string;
    readonly problem?: { readonly code: string; readonly errors?: readonly { readonly pointer?: string }[] };
  };
}

export const SOURCE = "com.example.ci";

/** Puts an event that asks for an intent on the stage's bus. @returns EventBridge's id */
export const putRequest = async ({ endpoints }: TestCloud, detail: unknown, Source = SOURCE): Promise<string> => {
  const { events, region, accessKeyId, secretAccessKey, stage } = endpoints;
  const client = new EventBridgeClient({ region, endpoint: events, credentials: { accessKeyId, secretAccessKey } });
  const DetailType = "slipway.intent.requested";
  const Detail = JSON.stringify(detail);
  const { Entries } = await client.send(
    new PutEventsCommand({ Entries: [{ EventBusName: `${stage}-slipway`, Source, DetailType, Detail }] }),
  );
  client.destroy();
  return Entries?.[0]?.EventId ?? "";
};

/** Every outcome that was told of an event. */
export const outcomesOf = async ({ endpoints }: TestCloud, requestId: string): Promise<Outcome[]> =>
  (await controlOf(endpoints).events())
    .filter(({ "detail-type": type }) => /^slipway\.intent\.(granted|refused)$/.test(type))
    .map(({ detail }) => detail as Outcome)
    .filter(({ data }) => data.requestId === requestId);

export const outcomeOf = (cloud: TestCloud, requestId: string): Promise<Outcome> =>
  until(async () => (await outcomesOf(cloud, requestId))[0], { what: `an outcome of ${requestId}` });

/** An operation of each method that there is, and a POST that makes no name, so that its repeat would not be refused. */
export const ASKED = {
  "POST, of what is new": "createNodeGroup",
  "POST, of what is there": "refreshNodeGroupDeployment",
  PATCH: "updateNodeGroupDeployment",
  PUT: "replaceNodeGroupDeployment",
  DELETE: "deleteNodeGroupDeployment",
} as const satisfies Record<string, Askable>;
export type Asked = (typeof ASKED)[keyof typeof ASKED];

/** Lets {@link SOURCE} ask for all of these. @returns the rule's id */
export const letIn = async (api: ApiClient, workspace: string, more: readonly Askable[] = []): Promise<string> => {
  const body = { source: SOURCE, operations: [...Object.values(ASKED), ...more] };
  return (await expecting(201, api.call<{ id: string }>("POST", `${workspace}/event-rules`, { body }))).body.id;
};

export interface AskedOnce {
  readonly operation: Asked;
  readonly group: string;
  readonly event: { readonly id: string; readonly source: string; readonly detail: object };
}

/** An event about a node group of its own, which is made first where the event does not ask for that. */
export const aRequest = async (
  api: ApiClient,
  workspace: string,
  operation: Asked,
  group: string,
): Promise<AskedOnce> => {
  if (operation !== "createNodeGroup") await api.done("POST", `${workspace}/node-groups`, { name: group });
  const parameters = { nodeGroup: group };
  const asks = {
    createNodeGroup: async () => ({ body: { name: group } }),
    refreshNodeGroupDeployment: async () => ({ parameters, body: {} }),
    updateNodeGroupDeployment: async () => ({ parameters, body: { priority: 7 } }),
    replaceNodeGroupDeployment: async () => {
      const body = { nodeGroups: { [group]: { deployment: { edit: "replace", components: {} } } } };
      const plan = await expecting(200, api.call<{ hash: string }>("POST", `${workspace}/plans`, { body }));
      return { parameters, body: { components: {}, plan: plan.body.hash } };
    },
    deleteNodeGroupDeployment: async () => ({ parameters }),
  } as const;
  const id = `ask-${group}`;
  const asked = await asks[operation]();
  const detail = { id, workspace: workspace.split("/").at(-1), operation, ...asked };
  return { operation, group, event: { id, source: SOURCE, detail } };
};

/** That there is one intent, one record of who did it, and one outcome of an event, which tells of that intent. */
export const expectOnce = async (cloud: TestCloud, { operation, group, event }: AskedOnce): Promise<void> => {
  const { type, data } = await outcomeOf(cloud, event.id);
  expect(type).toBe("slipway.intent.granted");
  const made = Object.values(await cloud.items()).filter(
    (item) =>
      item.type === "intent" &&
      String(item.requestedBy).startsWith("event-rule:") &&
      (item.subject as { name: string }).name === group,
  );
  const records = (await cloud.audit()).filter(
    (record) => record.operation === operation && (record.object as { name?: string }).name === group,
  );
  const byEvent = records.filter(({ actor }) => String(actor).startsWith("event-rule:"));
  expect(made.map(({ id }) => id)).toEqual([data.intentId]);
  expect(byEvent.map(({ intent }) => intent)).toEqual([data.intentId]);
  expect(await outcomesOf(cloud, event.id)).toHaveLength(1);
};
