import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { installer } from "../device/installer.ts";
import { endpoint } from "../http/endpoint.ts";

/** The same for everyone, and not to be old: a device runs it but once. */
export const handler = endpoint(nodeRoutes, "getInstaller", async () => ({
  statusCode: 200,
  headers: {
    "content-type": `${nodeRoutes.getInstaller.media}; charset=utf-8`,
    "cache-control": "public, max-age=300",
  },
  body: installer,
}));
