import type { Answer, Input, Item, ListName, OperationName, Schemas, Slipway } from "../../client/index.ts";

/** What the compiler makes of the client: `npm run types` is the test. */
declare const slipway: Slipway;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const proven = <_T extends true>(): void => {};

proven<Same<Answer<"createNode">, Schemas["CreatedNode"]>>();
proven<Same<Answer<"createComponent">, Schemas["Component"]>>();
proven<Same<Answer<"deleteComponent">, undefined>>();
proven<Same<Answer<"getInstaller">, string>>();
proven<Same<Item<"listNodes">, Schemas["Node"]>>();
proven<"listNodes" extends ListName ? true : false>();
proven<"getNode" extends ListName ? false : true>();
proven<Same<Exclude<OperationName, keyof Slipway>, never>>();
proven<Input<"updateNode"> extends { ifMatch: string } ? true : false>();

export const calls = [
  () => slipway.listWorkspaces(),
  () => slipway.listNodes({ workspace: "w", cursor: undefined }),
  () => slipway.createNode({ workspace: "w", body: { name: "n" } }),
  // @ts-expect-error: the workspace is missing
  () => slipway.listNodes({}),
  // @ts-expect-error: the workspace is missing
  () => slipway.listNodes(),
  // @ts-expect-error: no such parameter
  () => slipway.listNodes({ workspace: "w", colour: "red" }),
  // @ts-expect-error: the body is missing
  () => slipway.createNode({ workspace: "w" }),
  // @ts-expect-error: a node needs a name
  () => slipway.createNode({ workspace: "w", body: {} }),
  // @ts-expect-error: the ETag is missing
  () => slipway.updateNode({ workspace: "w", node: "n", body: { description: null } }),
  // @ts-expect-error: no key for what takes none
  () => slipway.getNode({ workspace: "w", node: "n", idempotencyKey: "k" }),
  // @ts-expect-error: not a list
  () => slipway.items("getNode", { workspace: "w", node: "n" }),
];
