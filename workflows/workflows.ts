import { INTENT_KINDS, type IntentKind, workflowOf } from "../shared/intent/intent.ts";
import { archiveCreate } from "./archive.ts";
import type { Workflow } from "./asl.ts";
import { certificateRevoke } from "./certificate.ts";
import { componentImport } from "./component.ts";
import {
  componentVersionCopy,
  componentVersionDelete,
  componentVersionPublish,
  componentVersionPush,
} from "./component-version.ts";
import { deploymentApply } from "./deployment.ts";
import { driftRepair } from "./drift.ts";
import { nodeCreate, nodeDelete, nodeMove } from "./node.ts";
import { nodeGroupCreate, nodeGroupDelete } from "./node-group.ts";
import { nodeImportDelete, nodeImportRun } from "./node-import.ts";
import { releaseDelete, releasePause, releasePublish } from "./release.ts";
import type { TaskName } from "./tasks.ts";
import { workspaceCreate, workspaceDelete } from "./workspace.ts";

const byKind: Readonly<Record<IntentKind, Workflow>> = {
  "workspace.create": workspaceCreate,
  "workspace.delete": workspaceDelete,
  "node-group.create": nodeGroupCreate,
  "node-group.delete": nodeGroupDelete,
  "node.create": nodeCreate,
  "node.move": nodeMove,
  "node.delete": nodeDelete,
  "node-import.run": nodeImportRun,
  "node-import.delete": nodeImportDelete,
  "certificate.revoke": certificateRevoke,
  "component.import": componentImport,
  "component-version.copy": componentVersionCopy,
  "component-version.push": componentVersionPush,
  "component-version.publish": componentVersionPublish,
  "component-version.delete": componentVersionDelete,
  "deployment.apply": deploymentApply,
  "drift.repair": driftRepair,
  "release.publish": releasePublish,
  "release.delete": releaseDelete,
  "release.pause": releasePause,
  "archive.create": archiveCreate,
};

/** Every workflow; the state machine of a stage is named `{stage}-{name}`. */
export const workflows: readonly Workflow[] = INTENT_KINDS.map((kind) => {
  const workflow = byKind[kind];
  if (workflow.name !== workflowOf(kind)) throw new Error(`the workflow of ${kind} is named ${workflow.name}`);
  return workflow;
});

/** The tasks that a workflow has, each once. */
export const tasksOf = ({ definition }: Workflow): TaskName[] => {
  const found = new Set<TaskName>();
  definition((task) => {
    found.add(task);
    return task;
  });
  return [...found].sort();
};

/** Whether a workflow has a Map whose iterations are executions of their own: then it starts itself. */
export const hasDistributedMap = ({ definition }: Workflow): boolean =>
  Object.values(definition((task) => task).States).some(
    (state) => state.Type === "Map" && state.ItemProcessor.ProcessorConfig?.Mode === "DISTRIBUTED",
  );
