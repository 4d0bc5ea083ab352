import { view } from "../../shared/resource.ts";
import { Workspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { describeAnew, tagged } from "../http/resources.ts";

export const handler = endpoint("updateWorkspace", async ({ workspace, body, ifMatch, moment, commit }) => {
  const { next, write } = describeAnew(workspace, body.description, ifMatch, moment.now);
  return commit([write], tagged(next, view(Workspace, next)));
});
