import { getItem } from "../../shared/aws/table.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import { importComponent } from "../../shared/component/import.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys } from "../../shared/keys.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(
  componentRoutes,
  "importComponent",
  async ({ workspace, body, caller, moment, accept }) => {
    const claim = await getItem<{ id: string; workspaceId: string }>(keys.componentName(body.name));
    const own = claim?.workspaceId === workspace.id ? claim : undefined;
    const known = own && (await getItem<StoredComponent>(keys.component(workspace.id, own.id)));
    return accept(importComponent(workspace, known, body.name, caller, moment));
  },
);
