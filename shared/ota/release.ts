import * as z from "zod";
import { MAX_SINGLE_PART_BYTES, Sha256, Upload } from "../component/version.ts";
import { ID_PREFIXES, type Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { otaKeys } from "../keys.ts";
import { born, type Stored, Timestamps } from "../resource.ts";
import type { Accepted, StoredWorkspace } from "../workspace/workspace.ts";
import { workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { type CurrentRelease, isAppName, type Segment } from "./select.ts";
import type { Signature } from "./statements.ts";
import { memberName } from "./tar.ts";

const label = (what: string, length: number) =>
  z
    .string()
    .regex(
      new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${length - 1}}$`),
      `1 to ${length} of letters, digits, '.', '_' and '-', the first a letter or digit`,
    )
    .meta({ description: what });

/** Names an app in a device's query string, where some names mean something else. */
const AppName = label("The app; devices ask for it by this name, in any case", 64).refine(
  isAppName,
  "must not be cpuArch, os or payloadType, nor start with attr: devices' queries use those",
);

/**
 * What the keys of uploads start with, and no other key: a workspace named "uploads" has its published binaries below
 * "uploads/releases/".
 */
export const UPLOADS = `uploads/${ID_PREFIXES.workspace}_`;

export const ReleaseStatus = z.enum(["draft", "publishing", "published", "failed", "deleting"]);

export const CreateRelease = z
  .strictObject({
    app: AppName,
    environment: label("Such as prod or beta", 64),
    version: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$/, "1 to 64 of letters, digits, '.', '+', '_' and '-'"),
    attributes: z
      .array(label("A device attribute", 64))
      .max(32)
      .default([])
      .meta({ description: "Devices that state one of these (attrX=environment) get the release" }),
    size: z.int().min(1).max(MAX_SINGLE_PART_BYTES),
    sha256: Sha256.meta({ description: "SHA-256 of the binary, hexadecimal" }),
  })
  .meta({ id: "CreateRelease" });
export type CreateRelease = z.infer<typeof CreateRelease>;

export const Release = z
  .object({
    id: z.string(),
    app: z.string(),
    environment: z.string(),
    version: z.string(),
    attributes: z.array(z.string()),
    status: ReleaseStatus,
    size: z.int(),
    sha256: z.string(),
    md5: z.string().optional().meta({ description: "Known once published" }),
    ...Timestamps,
  })
  .meta({ id: "Release", description: "An OTA binary for anonymous devices" });

export const CreatedRelease = Release.extend({ upload: Upload }).meta({ id: "CreatedRelease" });

export type StoredRelease = z.infer<typeof Release> &
  Stored & {
    readonly type: "release";
    readonly workspaceId: string;
    readonly workspaceName: string;
    /** Where its objects lie in the OTA bucket. */
    readonly uploadKey: string;
    readonly binaryKey: string;
    readonly segmentKey: string;
    readonly segment?: Segment;
    /** Of `releaseStatement`, made when it was last published. */
    readonly signature?: string;
    readonly keyId?: string;
  };

const subject = (release: StoredRelease): NewIntent["subject"] => ({
  type: "release",
  id: release.id,
  name: `${release.app} ${release.version} (${release.environment})`,
  href: `/v1/workspaces/${release.workspaceId}/releases/${release.id}`,
});

/** A draft that waits for its upload. */
export const createRelease = (
  workspace: StoredWorkspace,
  input: CreateRelease,
  moment: Moment,
): { release: StoredRelease; writes: Write[] } => {
  const id = moment.newId("release");
  const release: StoredRelease = {
    ...otaKeys.release(workspace.id, id),
    type: "release",
    id,
    workspaceId: workspace.id,
    workspaceName: workspace.name,
    ...input,
    status: "draft",
    uploadKey: `uploads/${workspace.id}/${id}`,
    // The key, encoded, is the path of the public URL: CloudFront serves it from the bucket.
    binaryKey: `${workspace.name}/releases/${id}/${memberName(input.app, input.version)}`,
    segmentKey: `segments/${workspace.id}/${id}`,
    ...born(moment.now),
  };
  return {
    release,
    writes: [workspaceIsActive(workspace.id), { do: "create", table: "ota", item: { ...release } }],
  };
};

/** Also for one that was published before: it is what devices get once more. */
export const publishRelease = (release: StoredRelease, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    { kind: "release.publish", workspaceId: release.workspaceId, subject: subject(release), requestedBy: caller },
    moment,
  ),
  writes: [
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { status: "publishing", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["draft", "failed", "published"] } },
      otherwise: { code: "not-ready", detail: `the release is ${release.status}` },
    },
  ],
});

/** Marks the release; the workflow withdraws it before its objects go. */
export const deleteRelease = (release: StoredRelease, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    { kind: "release.delete", workspaceId: release.workspaceId, subject: subject(release), requestedBy: caller },
    moment,
  ),
  writes: [
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { status: "deleting", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["draft", "failed", "published"] } },
      otherwise: { code: "not-ready", detail: "the release is being published or deleted" },
    },
  ],
});

/** Makes the release what devices get, in one write: none of them sees half of it. */
export const makeCurrent = (
  release: StoredRelease,
  hashes: { md5: string; segment: Segment } & Signature,
  now: Date,
): Write[] => {
  const { app, environment, version, attributes, size, sha256 } = release;
  const current: CurrentRelease = { app, environment, version, attributes, size, sha256, ...hashes };
  return [
    {
      do: "put",
      table: "ota",
      item: {
        ...otaKeys.current(release.workspaceId, app, environment),
        type: "current-release",
        releaseId: release.id,
        path: release.binaryKey,
        ...current,
      },
    },
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { status: "published", ...hashes, updatedAt: now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["publishing", "published"] } },
    },
  ];
};

/** A workspace with releases is not empty. */
export const forgetRelease = (release: StoredRelease): Write[] => [
  {
    do: "delete",
    table: "ota",
    key: otaKeys.release(release.workspaceId, release.id),
    when: { status: "deleting" },
  },
];

/** The key whose item is removed when a deleted release was the current one. */
export const currentKey = (release: StoredRelease) =>
  otaKeys.current(release.workspaceId, release.app, release.environment);
