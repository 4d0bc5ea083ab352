import * as z from "zod";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { ComponentName, OwnComponentName } from "../names.ts";
import { born, Description, type Stored, Timestamps } from "../resource.ts";
import { type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";

const Publisher = z.string().min(1).max(256).meta({ description: "Shown in the recipe" });

export const CreateComponent = z
  .strictObject({
    name: OwnComponentName,
    description: Description.optional(),
    publisher: Publisher.optional(),
  })
  .meta({ id: "CreateComponent" });
export type CreateComponent = z.infer<typeof CreateComponent>;

export const EditComponent = z
  .strictObject({
    description: Description.nullable().optional().meta({ description: "null removes it" }),
    publisher: Publisher.nullable().optional().meta({ description: "null removes it: recipes have the name then" }),
  })
  .refine((edit) => edit.description !== undefined || edit.publisher !== undefined, "must change something")
  .meta({ id: "EditComponent", description: "What is published already stays as it is" });
export type EditComponent = z.infer<typeof EditComponent>;

export const Component = z
  .object({
    id: z.string(),
    name: ComponentName,
    description: Description.optional(),
    publisher: z.string().optional(),
    ...Timestamps,
  })
  .meta({ id: "Component" });

export type StoredComponent = z.infer<typeof Component> &
  Stored & {
    readonly type: "component";
    readonly workspaceId: string;
    /** How many versions there are, counted in the transactions that make and remove them. */
    readonly versions: number;
  };

/** A component is a name and its versions; Greengrass first hears of it when a version is published. */
export const createComponent = (
  workspace: StoredWorkspace,
  input: CreateComponent,
  moment: Moment,
): { component: StoredComponent; writes: Write[] } => {
  const id = moment.newId("component");
  const component: StoredComponent = {
    ...keys.component(workspace.id, id),
    type: "component",
    id,
    workspaceId: workspace.id,
    ...input,
    versions: 0,
    ...born(moment.now),
  };
  return {
    component,
    writes: [
      workspaceIsActive(workspace.id),
      {
        do: "create",
        item: { ...keys.componentName(input.name), type: "name", id, workspaceId: workspace.id },
        otherwise: { code: "name-taken", detail: `the component name ${input.name} is taken` },
      },
      { do: "create", item: { ...component } },
    ],
  };
};

/** The name becomes free with the component. Refused while it has versions. */
export const deleteComponent = (component: StoredComponent): Write[] => [
  {
    do: "delete",
    key: keys.component(component.workspaceId, component.id),
    when: { versions: 0 },
    otherwise: { code: "component-not-empty", detail: `${component.name} has versions: delete them first` },
  },
  { do: "delete", key: keys.componentName(component.name) },
];
