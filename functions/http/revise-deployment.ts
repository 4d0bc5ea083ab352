import { setTimeout as pause } from "node:timers/promises";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { publishedVersions } from "../../shared/aws/catalogue.ts";
import {
  type PatchDeployment,
  patched,
  reviseDeployment,
  type StoredDeployment,
} from "../../shared/deployment/deployment.ts";
import { layerOf, MAX_DOCUMENT_BYTES, resolve } from "../../shared/deployment/resolve.ts";
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

/** How long an edit is applied anew to what concurrent edits have left: well within the function's own time. */
const TRY_FOR_MS = 24_000;

/**
 * Edits a group's deployment. Concurrent edits all survive: each is applied to what it finds, and the condition on the
 * revision makes the loser of a race read and apply again, after a pause with full jitter. What takes time is done once, so
 * that a loser is back with one read and one write.
 * @throws AppError `unresolvable` when a component is unknown or no published version satisfies its requirement
 */
export const revise = async (
  workspace: StoredWorkspace,
  nodeGroup: string,
  change: (current: StoredDeployment) => PatchDeployment,
  { ifMatch, caller, moment, accept }: Edit,
): Promise<APIGatewayProxyStructuredResultV2> => {
  const group = await findNodeGroup(workspace, nodeGroup);
  const catalogue = await catalogueNumber();
  const deadline = Date.now() + TRY_FOR_MS;
  for (let tries = 1; ; tries += 1) {
    const current = await deploymentOf(group);
    checkIfMatch(current, ifMatch);
    const patch = change(current);
    const next = patched(current, patch, catalogue, moment.now);
    checkSize(next);
    if (tries === 1) await checkResolvable(next, Object.keys(patch.components ?? {}));
    try {
      return await accept(reviseDeployment(next, caller, moment));
    } catch (error) {
      const lostRace = error instanceof AppError && error.code === "conflict";
      if (!lostRace || Date.now() > deadline) throw error;
      await pause(Math.random() * Math.min(1_000, 5 * 2 ** tries));
    }
  }
};

const checkSize = ({ components }: StoredDeployment): void => {
  const bytes = Buffer.byteLength(JSON.stringify(components));
  if (bytes <= MAX_DOCUMENT_BYTES) return;
  const detail = `the deployment's components would take ${bytes} bytes; devices take at most ${MAX_DOCUMENT_BYTES}`;
  throw new AppError("invalid-request", detail, { findings: [{ pointer: "/components", rule: "too-large", detail }] });
};

/** Looks at what the edit names: the rest was looked at when it was wanted, and what is wanted cannot be deleted. */
const checkResolvable = async (deployment: StoredDeployment, named: readonly string[]): Promise<void> => {
  const components = Object.fromEntries(Object.entries(deployment.components).filter(([name]) => named.includes(name)));
  const published = await publishedVersions(deployment.workspaceId, Object.keys(components));
  const { unresolved } = resolve([layerOf({ ...deployment, components })], published);
  if (unresolved.length === 0) return;
  const findings = unresolved.map(({ component, requirement }) => ({
    pointer: `/components/${component}/version`,
    rule: "unresolvable",
    detail: `no published version of ${component} satisfies ${requirement}`,
  }));
  throw new AppError("unresolvable", findings.map(({ detail }) => detail).join("; "), { findings });
};
