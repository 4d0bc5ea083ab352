import { keys, otaKeys } from "../keys.ts";
import type { Problem, ProblemCode } from "../problems.ts";
import type { Key, Write } from "../writes.ts";
import type { WorkflowInput } from "./intent.ts";

/** Refusals that found nothing to be wrong with the subject: it stays as it was before the intent. */
const UNTOUCHED: Partial<Record<ProblemCode, string>> = {
  "workspace-not-empty": "active",
  "node-group-not-empty": "active",
};

/**
 * What a failed intent leaves of its subject: `failed`, from where it may be deleted, or published again.
 * @returns the writes that may be it, the first whose condition holds; none where the subject stays as it is
 */
export const afterFailure = (input: WorkflowInput, problem: Problem, now: Date): Write[] => {
  const write = onlyWay(input, problem, now);
  if (input.kind !== "component-version.delete" || write === undefined) return write === undefined ? [] : [write];
  // One that Greengrass was not yet asked to forget is as published as before: nothing of it may be changed.
  const stays: Write = {
    do: "update",
    key: keys.version(input.parentId, input.subjectId),
    set: { status: "published", updatedAt: now.toISOString() },
    add: { revision: 1 },
    when: { status: "deleting", catalogueNumber: { exists: true } },
    otherwise: { code: "not-ready", detail: "the version was not published, or is so no more" },
  };
  return [stays, write];
};

const onlyWay = (input: WorkflowInput, problem: Problem, now: Date): Write | undefined => {
  const status = UNTOUCHED[problem.code] ?? "failed";
  const update = (key: Key, table?: "ota"): Write => ({
    do: "update",
    ...(table && { table }),
    key,
    set: { status, updatedAt: now.toISOString() },
    add: { revision: 1 },
    when: { status: { in: ["creating", "publishing", "running", "deleting"] } },
    otherwise: { code: "not-ready", detail: "the subject is in no state that this failure ends" },
  });
  const { kind, workspaceId, subjectId, parentId } = input;
  switch (kind) {
    case "workspace.create":
    case "workspace.delete":
      return update(keys.workspace(workspaceId));
    case "node-group.create":
    case "node-group.delete":
      return update(keys.nodeGroup(workspaceId, subjectId));
    case "node.create":
    case "node.delete":
      return update(keys.node(workspaceId, subjectId));
    case "node-import.run":
    case "node-import.delete":
      return update(keys.nodeImport(workspaceId, subjectId));
    case "certificate.revoke": // may be asked for again
      return {
        do: "update",
        key: keys.certificate(parentId, subjectId),
        set: { status: "active" },
        when: { status: "revoking" },
      };
    case "component-version.copy": // a draft that lacks files, and is made anew
    case "component-version.push": // or pushed again
      return {
        do: "update",
        key: keys.version(parentId, subjectId),
        set: { copying: "failed", updatedAt: now.toISOString() },
        add: { revision: 1 },
        when: { copying: "running" },
        otherwise: { code: "not-ready", detail: "the files are not being copied" },
      };
    case "component-version.publish":
    case "component-version.delete":
      return update(keys.version(parentId, subjectId));
    case "release.publish":
    case "release.delete":
      return update(otaKeys.release(workspaceId, subjectId), "ota");
    case "archive.create":
      return update(otaKeys.archive(workspaceId, subjectId), "ota");
    case "release.pause": // devices go on getting it: someone is to look at it
      return undefined;
    case "component.import": // what was imported stays, and the rest is asked for again
    case "deployment.apply":
    case "drift.repair":
    case "node.move":
      return undefined; // what is wanted stays wanted: the next edit applies it
  }
};
