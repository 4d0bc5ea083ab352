import { deleteComponent } from "../../shared/component/component.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "deleteComponent", async ({ workspace, params, commit }) =>
  commit(deleteComponent(await findComponent(workspace, params.component)), { body: undefined }),
);
