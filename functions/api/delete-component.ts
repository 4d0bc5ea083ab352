import { deleteComponent } from "../../shared/component/component.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent } from "../http/resources.ts";

export const handler = endpoint("deleteComponent", async ({ workspace, params, commit }) =>
  commit(deleteComponent(await findComponent(workspace, params.component)), { body: undefined }),
);
