import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { publishedVersions } from "../../shared/aws/catalogue.ts";
import {
  type PatchDeployment,
  patched,
  reviseDeployment,
  type StoredDeployment,
} from "../../shared/deployment/deployment.ts";
import { resolve } from "../../shared/deployment/resolve.ts";
import type { Moment } from "../../shared/ids.ts";
import { AppError } from "../../shared/problems.ts";
import type { Accepted, StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { catalogueNumber, checkIfMatch, deploymentOf, findNodeGroup } from "./resources.ts";

interface Edit {
  readonly ifMatch: number | undefined;
  readonly caller: string;
  readonly moment: Moment;
  readonly accept: (accepted: Accepted) => Promise<APIGatewayProxyStructuredResultV2>;
}

/** How often an edit without If-Match is applied anew to what a concurrent edit has left. */
const MAX_TRIES = 20;

/**
 * Edits a group's deployment. Concurrent edits all survive: each is applied to what it finds, and the condition on the
 * revision makes the loser of a race read and apply again.
 * @throws AppError `unresolvable` when a component is unknown or no published version satisfies its requirement
 */
export const revise = async (
  workspace: StoredWorkspace,
  nodeGroup: string,
  change: (current: StoredDeployment) => PatchDeployment,
  { ifMatch, caller, moment, accept }: Edit,
): Promise<APIGatewayProxyStructuredResultV2> => {
  const group = await findNodeGroup(workspace, nodeGroup);
  for (let tries = 1; ; tries += 1) {
    const current = await deploymentOf(group);
    checkIfMatch(current, ifMatch);
    const next = patched(current, change(current), await catalogueNumber(), moment.now);
    await checkResolvable(workspace, next);
    try {
      return await accept(reviseDeployment(next, caller, moment));
    } catch (error) {
      const lostRace = error instanceof AppError && error.code === "conflict";
      if (!lostRace || tries >= MAX_TRIES) throw error;
    }
  }
};

const checkResolvable = async (workspace: StoredWorkspace, deployment: StoredDeployment): Promise<void> => {
  const published = await publishedVersions(workspace.id, Object.keys(deployment.components));
  const { unresolved } = resolve(
    [
      {
        target: deployment.id,
        kind: deployment.target.type,
        priority: deployment.priority,
        catalogue: deployment.catalogue,
        components: deployment.components,
      },
    ],
    published,
  );
  if (unresolved.length === 0) return;
  const findings = unresolved.map(({ component, requirement }) => ({
    pointer: `/components/${component}/version`,
    rule: "unresolvable",
    detail: `no published version of ${component} satisfies ${requirement}`,
  }));
  throw new AppError("unresolvable", findings.map(({ detail }) => detail).join("; "), { findings });
};
