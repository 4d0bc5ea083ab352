import { componentRoutes } from "./routes/components.ts";
import { deploymentRoutes } from "./routes/deployments.ts";
import { eventRoutes } from "./routes/events.ts";
import { nodeGroupRoutes } from "./routes/node-groups.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { recordRoutes } from "./routes/records.ts";
import { releaseRoutes } from "./routes/releases.ts";
import type { Route } from "./routes/route.ts";
import { workspaceRoutes } from "./routes/workspaces.ts";

export { type EditDescription, PAGE_LIMIT, type Route } from "./routes/route.ts";

/**
 * Every operation of the HTTP API. The key is the operation's id; its handler is the file of the same name in kebab
 * case below `functions/api`.
 */
export const routes = {
  ...workspaceRoutes,
  ...nodeGroupRoutes,
  ...deploymentRoutes,
  ...nodeRoutes,
  ...componentRoutes,
  ...releaseRoutes,
  ...eventRoutes,
  ...recordRoutes,
} as const satisfies Record<string, Route>;

export type Routes = typeof routes;
export type RouteName = keyof Routes;

/** `createNodeGroup` → `create-node-group`: the handler's file below `functions/api`. */
export const handlerName = (operation: string): string =>
  operation.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
