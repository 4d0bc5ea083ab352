import type { Row } from "../rows.ts";
import {
  ACCOUNT,
  api,
  bytes,
  create,
  groupArn,
  guide,
  REGION,
  recipe,
  unique,
  versionArn,
  type World,
} from "./world.ts";

const absent = (fields: object = {}) => ({ status: 404, code: "ResourceNotFoundException", fields: { ...fields } });
const invalid = (fields: object = {}) => ({ status: 400, code: "ValidationException", fields: { ...fields } });

const LIMITS = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html";
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, "v"]));

/** What takes so many tags at most, by the status of its success. */
const limited = (
  operation: string,
  status: number,
  send: (world: World, tags: Record<string, string>) => Promise<object>,
): readonly Row<World>[] => [
  {
    operation,
    when: "50 tags",
    send: (world) => send(world, many(50)),
    expect: { status },
    source: LIMITS,
  },
  {
    operation,
    when: "51 tags",
    send: (world) => send(world, many(51)),
    expect: invalid(),
    source: LIMITS,
  },
];

export const tagRows: readonly Row<World>[] = [
  ...limited("CreateDeployment", 201, ({ client }, tags) => client.createDeployment({ targetArn: groupArn(), tags })),
  ...limited("CreateComponentVersion", 201, ({ client }, tags) =>
    client.createComponentVersion({ inlineRecipe: bytes(recipe(unique())), tags }),
  ),
  ...limited("TagResource", 200, async (world, { "key-0": first = "", ...tags }) => {
    const resourceArn = await create(world, recipe(unique()));
    await world.client.tagResource({ resourceArn, tags });
    return world.client.tagResource({ resourceArn, tags: { "key-0": first } });
  }),
  {
    operation: "TagResource",
    when: "a deployment",
    send: async (world) => {
      const { deploymentId } = await world.client.createDeployment({ targetArn: groupArn() });
      const resourceArn = `arn:aws:greengrass:${REGION}:${ACCOUNT}:deployments:${deploymentId}`;
      return world.client.tagResource({ resourceArn, tags: { a: "1" } });
    },
    expect: { status: 200 },
    source: guide("tag-resources"),
  },
  {
    operation: "TagResource",
    when: "an absent component version",
    send: ({ client }) => client.tagResource({ resourceArn: versionArn("never.made"), tags: { a: "1" } }),
    expect: absent({ resourceId: versionArn("never.made") }),
    source: api("TagResource"),
  },
  {
    operation: "TagResource",
    when: "a value of 257 characters",
    send: ({ client }) => client.tagResource({ resourceArn: versionArn("x"), tags: { a: "x".repeat(257) } }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:TagValue",
  },
  {
    operation: "ListTagsForResource",
    when: "tags given at creation and later",
    send: async (world) => {
      const name = unique();
      const { arn: resourceArn = "" } = await world.client.createComponentVersion({
        inlineRecipe: new TextEncoder().encode(JSON.stringify(recipe(name))),
        tags: { first: "1" },
      });
      await world.client.tagResource({ resourceArn, tags: { second: "2" } });
      return world.client.listTagsForResource({ resourceArn });
    },
    expect: { status: 200, fields: { tags: { first: "1", second: "2" } } },
    source: api("ListTagsForResource"),
  },
  {
    operation: "ListTagsForResource",
    when: "an absent deployment",
    send: ({ client }) =>
      client.listTagsForResource({ resourceArn: `arn:aws:greengrass:${REGION}:${ACCOUNT}:deployments:none` }),
    expect: absent(),
    source: api("ListTagsForResource"),
  },
  {
    operation: "UntagResource",
    when: "one of two tags",
    send: async (world) => {
      const resourceArn = await create(world, recipe(unique()));
      await world.client.tagResource({ resourceArn, tags: { a: "1", b: "2" } });
      const answer = await world.client.untagResource({ resourceArn, tagKeys: ["a"] });
      return { ...answer, ...(await world.client.listTagsForResource({ resourceArn })) };
    },
    expect: { status: 200, fields: { tags: { b: "2" } } },
    source: api("UntagResource"),
  },
  {
    operation: "UntagResource",
    when: "an absent core device",
    send: ({ client }) =>
      client.untagResource({
        resourceArn: `arn:aws:greengrass:${REGION}:${ACCOUNT}:coreDevices:none`,
        tagKeys: ["a"],
      }),
    expect: absent(),
    source: api("UntagResource"),
  },
];
