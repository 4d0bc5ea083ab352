import { ComponentVersion, createVersion } from "../../shared/component/version.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { created, findComponent } from "../http/resources.ts";

export const handler = endpoint("createComponentVersion", async ({ workspace, params, body, moment, commit }) => {
  const component = await findComponent(workspace, params.component);
  const { version, writes } = createVersion(workspace, component, body, moment);
  const location = `/v1/workspaces/${workspace.id}/components/${component.id}/versions/${version.id}`;
  return commit(writes, created(version, view(ComponentVersion, version), location));
});
