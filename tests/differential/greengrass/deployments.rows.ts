import { expect } from "vitest";
import type { Row } from "../rows.ts";
import {
  ABSENT,
  ACCOUNT,
  api,
  create,
  groupArn,
  guide,
  REGION,
  recipe,
  thingArn,
  unique,
  versionArn,
  type World,
} from "./world.ts";

const CLI = "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2";
const NUCLEUS = { "aws.greengrass.Nucleus": { componentVersion: "2.16.0" } };
const token = () => unique("token").replaceAll(".", "-");
const invalid = (fields: object = {}) => ({ status: 400, code: "ValidationException", fields: { ...fields } });
const absent = (fields: object = {}) => ({ status: 404, code: "ResourceNotFoundException", fields: { ...fields } });

/** A deployment of a group of its own. */
const deploy = async ({ client }: World, more: object = {}): Promise<{ deploymentId: string; targetArn: string }> => {
  const targetArn = groupArn();
  const { deploymentId = "" } = await client.createDeployment({ targetArn, components: NUCLEUS, ...more });
  return { deploymentId, targetArn };
};

/** Of a job's time-out, in minutes. */
const timeoutRow = (minutes: number, expected: Row<World>["expect"]): Row<World> => ({
  operation: "CreateDeployment",
  when: `a time-out of ${minutes} minutes`,
  send: ({ client }) =>
    client.createDeployment({
      targetArn: groupArn(),
      iotJobConfiguration: { timeoutConfig: { inProgressTimeoutInMinutes: minutes } },
    }),
  expect: expected,
  source: api("IoTJobTimeoutConfig"),
});

const createRows: readonly Row<World>[] = [
  timeoutRow(0, invalid()),
  timeoutRow(1, { status: 201 }),
  timeoutRow(10_080, { status: 201 }),
  timeoutRow(10_081, invalid()),
  {
    operation: "CreateDeployment",
    when: "to a thing group, with a job",
    send: ({ client }) => client.createDeployment({ targetArn: groupArn(), components: NUCLEUS }),
    expect: {
      status: 201,
      fields: {
        deploymentId: expect.any(String),
        iotJobId: expect.any(String),
        iotJobArn: expect.stringMatching(`^arn:aws:iot:${REGION}:${ACCOUNT}:job/.+`),
      },
    },
    source: `${CLI}/create-deployment.html`,
  },
  {
    operation: "CreateDeployment",
    when: "to a thing, without a job",
    send: ({ client }) => client.createDeployment({ targetArn: thingArn(unique("thing")), components: NUCLEUS }),
    expect: { status: 201, fields: { deploymentId: expect.any(String) } },
    source: `${CLI}/create-deployment.html`,
  },
  {
    operation: "CreateDeployment",
    when: "of nothing",
    send: ({ client }) => client.createDeployment({ targetArn: groupArn() }),
    expect: { status: 201, fields: { deploymentId: expect.any(String) } },
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "the same client token and request again",
    send: async ({ client }) => {
      const request = { targetArn: groupArn(), components: NUCLEUS, clientToken: token() };
      const first = await client.createDeployment(request);
      const again = await client.createDeployment(request);
      return { ...again, same: again.deploymentId === first.deploymentId && again.iotJobId === first.iotJobId };
    },
    expect: { status: 201, fields: { same: true } },
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "no target",
    send: ({ client }) => client.createDeployment({ targetArn: undefined }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "to what is neither thing nor group",
    send: ({ client }) => client.createDeployment({ targetArn: `arn:aws:iot:${REGION}:${ACCOUNT}:cert/1` }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:TargetARN",
  },
  {
    operation: "CreateDeployment",
    when: "a name of 257 characters",
    send: ({ client }) => client.createDeployment({ targetArn: groupArn(), deploymentName: "x".repeat(257) }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "a client token of 65 characters",
    send: ({ client }) => client.createDeployment({ targetArn: groupArn(), clientToken: "x".repeat(65) }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:ClientTokenString",
  },
  {
    operation: "CreateDeployment",
    when: "another failure handling policy",
    send: ({ client }) =>
      client.createDeployment({
        targetArn: groupArn(),
        deploymentPolicies: { failureHandlingPolicy: "IGNORE" as unknown as "ROLLBACK" },
      }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:DeploymentFailureHandlingPolicy",
  },
  {
    operation: "CreateDeployment",
    when: "a rollout of 1,001 a minute",
    send: ({ client }) =>
      client.createDeployment({
        targetArn: groupArn(),
        iotJobConfiguration: { jobExecutionsRolloutConfig: { maximumPerMinute: 1_001 } },
      }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:IoTJobMaxExecutionsPerMin",
  },
  {
    operation: "CreateDeployment",
    when: "an absent group",
    send: ({ client }) => client.createDeployment({ targetArn: groupArn(ABSENT) }),
    expect: absent({ resourceId: groupArn(ABSENT) }),
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "an absent component version",
    send: ({ client }) =>
      client.createDeployment({ targetArn: groupArn(), components: { nowhere: { componentVersion: "9.9.9" } } }),
    expect: absent({ resourceId: versionArn("nowhere", "9.9.9") }),
    source: api("CreateDeployment"),
  },
  {
    operation: "CreateDeployment",
    when: "a public component's version that there never was",
    send: ({ client }) =>
      client.createDeployment({
        targetArn: groupArn(),
        components: { "aws.greengrass.TokenExchangeService": { componentVersion: "99.0.0" } },
      }),
    expect: absent(),
    source: guide("token-exchange-service-component"),
  },
  {
    operation: "CreateDeployment",
    when: "a configuration to merge that is not JSON",
    send: async (world) => {
      const name = unique();
      await create(world, recipe(name));
      return world.client.createDeployment({
        targetArn: groupArn(),
        components: { [name]: { componentVersion: "1.0.0", configurationUpdate: { merge: "{" } } },
      });
    },
    expect: invalid(),
    source: guide("update-component-configurations"),
  },
  {
    operation: "CreateDeployment",
    when: "a configuration to reset that is no JSON pointer",
    send: async (world) => {
      const name = unique();
      await create(world, recipe(name));
      return world.client.createDeployment({
        targetArn: groupArn(),
        components: { [name]: { componentVersion: "1.0.0", configurationUpdate: { reset: ["port"] } } },
      });
    },
    expect: invalid(),
    source: guide("update-component-configurations"),
  },
];

const readRows: readonly Row<World>[] = [
  {
    operation: "GetDeployment",
    when: "with the defaults of what was not given",
    send: async (world) => {
      const { deploymentId } = await deploy(world, { deploymentName: "named", tags: { team: "edge" } });
      return world.client.getDeployment({ deploymentId });
    },
    expect: {
      status: 200,
      fields: {
        revisionId: "1",
        deploymentName: "named",
        deploymentStatus: "ACTIVE",
        isLatestForTarget: true,
        iotJobId: expect.any(String),
        components: NUCLEUS,
        creationTimestamp: expect.any(Date),
        deploymentPolicies: {
          failureHandlingPolicy: "ROLLBACK",
          componentUpdatePolicy: { timeoutInSeconds: 60, action: "NOTIFY_COMPONENTS" },
          configurationValidationPolicy: { timeoutInSeconds: 30 },
        },
        iotJobConfiguration: {},
        tags: { team: "edge" },
      },
    },
    source: guide("create-deployments"),
  },
  {
    operation: "GetDeployment",
    when: "the second revision of a target",
    send: async (world) => {
      const { targetArn } = await deploy(world);
      const { deploymentId } = await world.client.createDeployment({ targetArn });
      return world.client.getDeployment({ deploymentId });
    },
    expect: { status: 200, fields: { revisionId: "2", deploymentStatus: "ACTIVE", isLatestForTarget: true } },
    source: api("CreateDeployment"),
  },
  {
    operation: "GetDeployment",
    when: "a revision that another took the place of",
    send: async (world) => {
      const { deploymentId, targetArn } = await deploy(world);
      await world.client.createDeployment({ targetArn });
      return world.client.getDeployment({ deploymentId });
    },
    expect: {
      status: 200,
      fields: { revisionId: "1", isLatestForTarget: false, deploymentStatus: expect.not.stringMatching(/^ACTIVE$/) },
    },
    source: guide("cancel-deployments"),
  },
  {
    operation: "GetDeployment",
    when: "an absent one",
    send: ({ client }) => client.getDeployment({ deploymentId: "none" }),
    expect: absent({ resourceId: "none" }),
    source: api("GetDeployment"),
  },
  {
    operation: "ListDeployments",
    when: "of a target, the latest revision alone",
    send: async (world) => {
      const { targetArn } = await deploy(world);
      await world.client.createDeployment({ targetArn });
      const answer = await world.client.listDeployments({ targetArn });
      return { ...answer, count: answer.deployments?.length };
    },
    expect: {
      status: 200,
      fields: { count: 1, deployments: [{ revisionId: "2", deploymentStatus: "ACTIVE", isLatestForTarget: true }] },
    },
    source: api("ListDeployments"),
  },
  {
    operation: "ListDeployments",
    when: "of a target, all revisions",
    send: async (world) => {
      const { targetArn } = await deploy(world);
      await world.client.createDeployment({ targetArn });
      const { deployments = [], ...rest } = await world.client.listDeployments({ targetArn, historyFilter: "ALL" });
      return { ...rest, revisions: deployments.map(({ revisionId }) => revisionId).sort() };
    },
    expect: { status: 200, fields: { revisions: ["1", "2"] } },
    source: api("ListDeployments"),
  },
  {
    operation: "ListDeployments",
    when: "50 without a limit, and the rest on the next page",
    send: async (world) => {
      for (let count = 0; count < 51; count += 1) await deploy(world);
      const first = await world.client.listDeployments({});
      const { nextToken = "" } = first;
      const second = await world.client.listDeployments({ nextToken });
      const ids = [first, second].map(({ deployments = [] }) => deployments.map(({ deploymentId }) => deploymentId));
      const shared = ids[1]?.filter((id) => ids[0]?.includes(id));
      return { ...second, first: ids[0]?.length, shared };
    },
    expect: { status: 200, fields: { first: 50, shared: [] } },
    source: api("ListDeployments"),
  },
  {
    operation: "ListDeployments",
    when: "101 at once",
    send: ({ client }) => client.listDeployments({ maxResults: 101 }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:DefaultMaxResults",
  },
  {
    operation: "ListDeployments",
    when: "another history filter",
    send: ({ client }) => client.listDeployments({ historyFilter: "SOME" as unknown as "ALL" }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:DeploymentHistoryFilter",
  },
  {
    operation: "CancelDeployment",
    when: "an active one",
    send: async (world) => world.client.cancelDeployment({ deploymentId: (await deploy(world)).deploymentId }),
    expect: { status: 200, fields: { message: "SUCCESS" } },
    source: "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2/cancel-deployment.html",
  },
  {
    operation: "GetDeployment",
    when: "one that was canceled",
    send: async (world) => {
      const { deploymentId } = await deploy(world);
      await world.client.cancelDeployment({ deploymentId });
      return world.client.getDeployment({ deploymentId });
    },
    expect: { status: 200, fields: { deploymentStatus: "CANCELED", isLatestForTarget: true } },
    source: guide("cancel-deployments"),
  },
  {
    operation: "CancelDeployment",
    when: "an absent one",
    send: ({ client }) => client.cancelDeployment({ deploymentId: "none" }),
    expect: absent({ resourceId: "none" }),
    source: api("CancelDeployment"),
  },
  {
    operation: "DeleteDeployment",
    when: "an active one",
    send: async (world) => world.client.deleteDeployment({ deploymentId: (await deploy(world)).deploymentId }),
    expect: { status: 409, code: "ConflictException", fields: { resourceId: expect.any(String) } },
    source: api("DeleteDeployment"),
  },
  {
    operation: "DeleteDeployment",
    when: "one that was canceled",
    send: async (world) => {
      const { deploymentId } = await deploy(world);
      await world.client.cancelDeployment({ deploymentId });
      return world.client.deleteDeployment({ deploymentId });
    },
    expect: { status: 204 },
    source: api("DeleteDeployment"),
  },
  {
    operation: "DeleteDeployment",
    when: "an absent one",
    send: ({ client }) => client.deleteDeployment({ deploymentId: "none" }),
    expect: absent({ resourceId: "none" }),
    source: api("DeleteDeployment"),
  },
];

export const deploymentRows: readonly Row<World>[] = [...createRows, ...readRows];
