import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { view } from "../../shared/resource.ts";
import { editOta, Workspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { changeAnew, tagged } from "../http/resources.ts";

export const handler = endpoint(
  workspaceRoutes,
  "updateWorkspace",
  async ({ workspace, body, ifMatch, moment, commit }) => {
    const { description } = body;
    const { ota, write: otaWrite } = body.ota === undefined ? { write: undefined } : editOta(workspace, body.ota);
    const { next, write } = changeAnew(workspace, { description, ota }, ifMatch, moment.now);
    return commit(otaWrite === undefined ? [write] : [write, otaWrite], tagged(next, view(Workspace, next)));
  },
);
