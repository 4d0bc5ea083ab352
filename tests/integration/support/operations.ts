import { type Route, type RouteName, routes } from "../../../shared/declared/routes.ts";
import { makeToken } from "../../../shared/registration/token.ts";
import { makeSecret } from "../../../shared/secrets.ts";
import { releaseOf } from "./cloud.ts";
import { importOf } from "./node-imports.ts";

/** Every declared operation with its id. */
export const operations = Object.entries<Route>(routes) as [RouteName, Route][];

const sha256 = "0".repeat(64);

/** A body that is valid for each operation that takes one; names carry a suffix, so that each call can be a new thing. */
export const bodyFor = (name: RouteName, suffix: string): unknown => {
  const description = "changed";
  const bodies: Partial<Record<RouteName, unknown>> = {
    createWorkspace: { name: `w-${suffix}` },
    updateWorkspace: { description },
    updateMember: { role: "viewer" },
    createInvitation: { role: "viewer" },
    acceptInvitation: { code: makeSecret("sli_", new Uint8Array(20)) },
    createCredential: { name: `c-${suffix}`, role: "viewer" },
    createToken: "grant_type=client_credentials",
    createNodeGroup: { name: `g-${suffix}` },
    updateNodeGroup: { description },
    updateNodeGroupDeployment: { priority: 1 },
    updateNodeDeployment: { priority: 1 },
    replaceNodeGroupDeployment: { components: {}, plan: sha256 },
    replaceNodeDeployment: { components: {}, plan: sha256 },
    refreshNodeGroupDeployment: {},
    refreshNodeDeployment: {},
    rollBackNodeGroupDeployment: { revision: 1 },
    rollBackNodeDeployment: { revision: 1 },
    planChanges: {},
    planNodes: {},
    createNode: { name: `n-${suffix}` },
    updateNode: { description },
    updateNodeMemberships: { add: ["gateways"] },
    createRegistrationToken: {},
    reRegisterNode: {},
    register: { token: makeToken(new Uint8Array(20)) },
    createComponent: { name: `com.example.new.${suffix}` },
    importComponent: { name: `com.example.imported.${suffix}` },
    updateComponent: { description },
    createComponentVersion: { version: `9.9.9-${suffix}`, recipe: { run: "true" } },
    updateComponentVersion: { description },
    deprecateComponentVersion: { reason: "old" },
    createComponentFile: { path: `dist/${suffix}`, size: 1, sha256 },
    applyComponentManifest: { files: [{ path: `dist/${suffix}`, size: 1, sha256 }] },
    createNodeImport: importOf(`name\nn-${suffix}\n`),
    createRelease: releaseOf(`app-${suffix}`, "binary"),
    createReport: { app: "app", version: "1.0.0", outcome: "installed" },
    updateRelease: { rollout: 50 },
    pauseRelease: {},
    resumeRelease: {},
    withdrawRelease: {},
    createEventRule: { source: `com.example.${suffix}`, operations: ["deleteNode"] },
    updateEventRule: { description },
    // Nobody listens there, and nothing is told of these but by hand.
    createWebhook: { url: "http://127.0.0.1:9/", events: ["slipway.webhook.test"] },
    updateWebhook: { description },
    replayWebhook: { since: "2026-01-01T00:00:00Z" },
    promoteRelease: { environment: `e-${suffix}` },
  };
  return bodies[name];
};

/** The headers that an operation needs so that nothing but the caller's right decides. */
export const headersFor = (route: Route): Record<string, string> => ({
  ...(route.ifMatch !== undefined && { "if-match": "*" }),
  ...(route.oauth && { "content-type": "application/x-www-form-urlencoded" }),
});

/** A declared path with its names in braces replaced. @throws Error for a name without a value */
export const pathOf = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)(\+?)\}/g, (_, name: string, greedy: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for ${name} of ${path}`);
    return greedy === "+" ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
  });
