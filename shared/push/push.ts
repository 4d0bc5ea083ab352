import { createHash } from "node:crypto";
import type { StoredComponent } from "../component/component.ts";
import type { StoredFile } from "../component/file.ts";
import {
  ask,
  createVersion,
  editVersion,
  finishCopy,
  type NewVersion,
  type StoredVersion,
} from "../component/version.ts";
import type { Moment } from "../ids.ts";
import type { StoredIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import { AppError, PROBLEMS, type Problem, type ProblemCode } from "../problems.ts";
import { type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Key, Write } from "../writes.ts";
import type { PushManifest } from "./manifest.ts";

/** An object at a place, as it was then. */
export interface DroppedObject {
  readonly key: string;
  readonly etag: string;
}

/** What asked for a push: the manifest that was dropped, or an event by its id. */
export type PushOrigin =
  | { readonly bucket: string; readonly manifest: DroppedObject; readonly sequencer: string }
  | { readonly event: string };

/** The event that asks for a push, on the stage's bus. */
export const PUSH_SOURCE = "slipway.push";
export const PUSH_REQUESTED = "push.requested";

/** Who asks for what a push makes: nobody of the workspace's members. */
export const PUSHED_BY = "push";

/** The files of a version that was pushed, and where its outcome is told. */
export interface StoredPush extends Key {
  readonly type: "push";
  readonly workspaceId: string;
  readonly componentId: string;
  readonly intentId: string;
  /** Of the publication, once the files are there. */
  readonly publishIntentId?: string;
  readonly publish: boolean;
  readonly origin: PushOrigin;
  /** Prefix of what was dropped. */
  readonly folder?: string | undefined;
  readonly files?: PushManifest["files"];
  /** Below the folder. */
  readonly recipeFile?: DroppedObject | undefined;
}

/** A file that came by a push tells what it was copied from. */
export interface PushedFileItem extends StoredFile {
  readonly dropped?: DroppedObject;
}

/**
 * One hash for every delivery of the same event. S3 numbers what happens to a key: of one upload that number is the same
 * however often it is told. https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const hashOfOrigin = (workspaceId: string, origin: PushOrigin): string => {
  const parts =
    "event" in origin
      ? [workspaceId, origin.event]
      : [workspaceId, origin.bucket, origin.manifest.key, origin.manifest.etag, origin.sequencer];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
};

/** An event comes again within a day, and from a dead letter queue within two weeks. */
const EVENT_KEPT_DAYS = 30;

const expiry = (now: Date): number => Math.floor(now.getTime() / 1_000) + EVENT_KEPT_DAYS * 86_400;

/**
 * The event has been answered. Of two deliveries of it, one writes this.
 * @param result what came of it, where that is known already: the table's stream tells it to the world
 */
export const answerEvent = (hash: string, now: Date, result?: PushResult): Write => ({
  do: "create",
  item: { ...keys.pushEvent(hash), type: "push-event", expiresAt: expiry(now), ...(result && { result }) },
  otherwise: { code: "conflict", detail: "the event has come before" },
});

/** What came of a push that was accepted: the table's stream tells it to the world, the first time. */
export const recordResult = (push: StoredPush, result: PushResult, now: Date): Write => ({
  do: "update",
  key: keys.pushEvent(hashOfOrigin(push.workspaceId, push.origin)),
  set: { type: "push-event", expiresAt: expiry(now), result },
});

/** Whether the fault is in what was pushed: then it is told; otherwise the event is tried again. */
export const isTheirs = (code: ProblemCode): boolean => {
  const { status } = PROBLEMS[code];
  return status < 500 && !("retry" in PROBLEMS[code]);
};

/** What a push says, beside its version. */
export type Given = Pick<StoredPush, "publish" | "origin" | "folder" | "files" | "recipeFile">;

const storedPush = (version: StoredVersion, intent: StoredIntent, given: Given): Write => {
  const push: StoredPush = {
    ...keys.push(version.id),
    type: "push",
    workspaceId: version.workspaceId,
    componentId: version.componentId,
    intentId: intent.id,
    ...given,
  };
  return { do: "put", item: { ...push } };
};

interface Pushed {
  readonly intent: StoredIntent;
  readonly writes: readonly Write[];
}

/** A version that is made by a push, and filled by its workflow. */
export const pushVersion = (
  workspace: StoredWorkspace,
  component: StoredComponent,
  input: NewVersion,
  given: Given,
  moment: Moment,
): Pushed => {
  const { version, intent, writes } = createVersion(
    workspace,
    component,
    input,
    { copies: true, caller: PUSHED_BY, kind: "component-version.push" },
    moment,
  );
  if (intent === undefined) throw new RangeError("a version whose files are copied has an intent");
  return { intent, writes: [...writes, storedPush(version, intent, given)] };
};

/**
 * A version that an earlier push has made, and that is not published, pushed anew. One that people made is theirs.
 * @param former the push that made it
 * @throws AppError `version-immutable`, `not-ready`, `name-taken`
 */
export const pushAgain = (
  version: StoredVersion,
  former: StoredPush | undefined,
  { description, ...recipe }: NewVersion,
  given: Given,
  moment: Moment,
): Pushed => {
  const named = `${version.component} ${version.version}`;
  const { version: _version, clonedFrom: _from, ...kept } = recipe;
  const { next, write } = editVersion(version, description ?? null, kept, moment.now);
  if (former === undefined) {
    throw new AppError("name-taken", `${named} exists, and no push has made it: delete it, or publish it as it is`);
  }
  if (version.copying === "running") throw new AppError("not-ready", `${named} is being pushed at the same time`);
  const intent = ask("component-version.push", next, PUSHED_BY, moment);
  if (write.do !== "update") throw new RangeError("an edit is an update");
  return {
    intent,
    writes: [
      workspaceIsActive(version.workspaceId),
      {
        ...write,
        set: { ...write.set, status: "draft", copying: "running" },
        otherwise: { code: "not-ready", detail: `${named} was changed at the same time` },
      },
      { do: "create", item: { ...intent } },
      storedPush(version, intent, given),
    ],
  };
};

/** The draft as it must be while its files are copied: what everything is checked against that is written of it. */
export const isBeingFilled = (version: StoredVersion): Write => ({
  do: "check",
  key: keys.version(version.componentId, version.id),
  when: { copying: "running", status: "draft" },
  otherwise: { code: "not-found", detail: "the draft was deleted meanwhile" },
});

/** All files are there: the version is a draft like any other, or frozen for its publication, which is asked for. */
export const finishPush = (version: StoredVersion, push: StoredPush, moment: Moment): readonly Write[] => {
  const finished = finishCopy(version, moment.now);
  if (!push.publish || finished.do !== "update") return [finished];
  const intent = ask("component-version.publish", version, PUSHED_BY, moment);
  return [
    { ...finished, set: { ...finished.set, status: "publishing" }, when: { ...finished.when, status: "draft" } },
    { do: "create", item: { ...intent } },
    {
      do: "update",
      key: keys.push(version.id),
      set: { publishIntentId: intent.id },
      when: { intentId: push.intentId },
    },
  ];
};

/** Whether with the end of this intent the push has ended. */
export const isEndOf = (push: StoredPush, intent: StoredIntent): boolean => {
  if (intent.id === push.publishIntentId) return true;
  return intent.id === push.intentId && (intent.status === "failed" || !push.publish);
};

/** What came of a push: the detail of its event, and the document beside its manifest. */
export interface PushResult {
  readonly status: "published" | "draft" | "failed";
  /** Absent where there is no such workspace. */
  readonly workspaceId?: string | undefined;
  readonly component?: string | undefined;
  readonly version?: string | undefined;
  /** The intent that it ended with, where it came to one. */
  readonly intentId?: string | undefined;
  /** The manifest, or the event, that asked for it. */
  readonly origin: PushOrigin;
  /** Why it failed. */
  readonly problem?: Problem | undefined;
  readonly finishedAt: string;
}

/** The result of a push whose last intent has ended. */
export const resultOf = (push: StoredPush, intent: StoredIntent, version: StoredVersion | undefined): PushResult => ({
  status: intent.status === "failed" ? "failed" : push.publish ? "published" : "draft",
  workspaceId: push.workspaceId,
  component: version?.component,
  version: version?.version,
  intentId: intent.id,
  origin: push.origin,
  problem: intent.problem as Problem | undefined,
  finishedAt: intent.finishedAt ?? intent.updatedAt,
});
