import * as z from "zod";
import { MAX_SINGLE_PART_BYTES, Sha256, Upload } from "../component/file.ts";
import { ID_PREFIXES, type Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { otaKeys } from "../keys.ts";
import { AppError } from "../problems.ts";
import { born, type Stored, Timestamps } from "../resource.ts";
import type { Accepted, StoredWorkspace } from "../workspace/workspace.ts";
import { workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { recordChange } from "./history.ts";
import { ReportCounts } from "./reports.ts";
import { isAppName, type Segment } from "./select.ts";
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

/**
 * Whether devices get a release that was published. `superseded`: enough newer ones are there that no device would.
 */
export const Availability = z.enum(["offered", "paused", "withdrawn", "superseded"]);
export type Availability = z.infer<typeof Availability>;

const Version = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$/, "1 to 64 of letters, digits, '.', '+', '_' and '-'");

/** What decides which devices get a release, and when. All but `cpuArch`, which is signed, can be changed at any time. */
const Terms = {
  attributes: z
    .array(label("A device attribute", 64))
    .max(32)
    .meta({ description: "Devices that state one of these (attrX=environment) get the release" }),
  cpuArch: z
    .array(label("A CPU architecture", 64))
    .max(16)
    .meta({ description: "Only devices with one of these get it; with none, all" }),
  hardware: z
    .array(label("A kind of hardware", 64))
    .max(16)
    .meta({ description: "Only devices that state one of these in X-Device-Hardware get it; with none, all" }),
  minimumVersion: Version.meta({
    description: "Only devices that are known, by a hash they list, to have this version or a newer one get it",
  }),
  rollout: z
    .int()
    .min(0)
    .max(100)
    .meta({ description: "Per cent of the devices, by the id that they state in X-Device-Id" }),
  pauseAbove: z
    .int()
    .min(1)
    .max(100)
    .meta({ description: "A rollout to less than 100 % is paused when more per cent of the reports are of failures" }),
  notBefore: z.iso.datetime().meta({ description: "No device gets it earlier" }),
  allowDowngrade: z.boolean().meta({ description: "Devices that have a newer version get it as well" }),
};

export const CreateRelease = z
  .strictObject({
    app: AppName,
    environment: label("Such as prod or beta", 64),
    version: Version,
    attributes: Terms.attributes.default([]),
    cpuArch: Terms.cpuArch.default([]),
    hardware: Terms.hardware.default([]),
    minimumVersion: Terms.minimumVersion.optional(),
    rollout: Terms.rollout.default(100),
    pauseAbove: Terms.pauseAbove.optional(),
    notBefore: Terms.notBefore.optional(),
    allowDowngrade: Terms.allowDowngrade.default(false),
    size: z.int().min(1).max(MAX_SINGLE_PART_BYTES),
    sha256: Sha256.meta({ description: "SHA-256 of the binary, hexadecimal" }),
  })
  .meta({ id: "CreateRelease" });
export type CreateRelease = z.infer<typeof CreateRelease>;

const Reason = z.string().min(1).max(512).meta({ description: "Why, for whoever reads the history" });

export const EditRelease = z
  .strictObject({
    attributes: Terms.attributes.optional(),
    hardware: Terms.hardware.optional(),
    minimumVersion: Terms.minimumVersion.nullable().optional(),
    rollout: Terms.rollout.optional(),
    pauseAbove: Terms.pauseAbove.nullable().optional(),
    notBefore: Terms.notBefore.nullable().optional(),
    allowDowngrade: Terms.allowDowngrade.optional(),
    reason: Reason.optional(),
  })
  .refine((edit) => Object.keys(edit).some((name) => name !== "reason"), "must change something")
  .meta({ id: "EditRelease", description: "Terms that are absent stay as they are; null removes one" });
export type EditRelease = z.infer<typeof EditRelease>;

export const ChangeAvailability = z.strictObject({ reason: Reason.optional() }).meta({ id: "ChangeAvailability" });

export const PromoteRelease = z
  .strictObject({
    environment: label("Where the new release is to be", 64),
    rollout: Terms.rollout.optional(),
    notBefore: Terms.notBefore.optional(),
    reason: Reason.optional(),
  })
  .meta({ id: "PromoteRelease", description: "Other terms are as in the release that is promoted" });
export type PromoteRelease = z.infer<typeof PromoteRelease>;

export const Release = z
  .object({
    id: z.string(),
    app: z.string(),
    environment: z.string(),
    version: z.string(),
    attributes: z.array(z.string()),
    cpuArch: z.array(z.string()),
    hardware: z.array(z.string()),
    minimumVersion: z.string().optional(),
    rollout: z.int(),
    pauseAbove: z.int().optional(),
    notBefore: z.iso.datetime().optional(),
    allowDowngrade: z.boolean(),
    status: ReleaseStatus,
    availability: Availability.optional().meta({ description: "Whether devices get it, once it was published" }),
    publishedAt: z.iso.datetime().optional().meta({ description: "When it was last published" }),
    promotedFrom: z.string().optional().meta({ description: "The release whose content it has" }),
    size: z.int(),
    sha256: z.string(),
    md5: z.string().optional().meta({ description: "Known once published" }),
    reports: ReportCounts.optional().meta({ description: "What devices say of it; not in lists" }),
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
    /** Who wants it published, while and since it is. */
    readonly publishedBy?: string;
    /** Objects whose content it has, where it was not uploaded. */
    readonly copyOf?: { readonly binaryKey: string; readonly segment: Segment };
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

/** Where the objects of a new release are to lie. */
const keysOf = ({ id: workspaceId, name }: StoredWorkspace, id: string, app: string, version: string) => ({
  uploadKey: `uploads/${workspaceId}/${id}`,
  // The key, encoded, is the path of the public URL: CloudFront serves it from the bucket.
  binaryKey: `${name}/releases/${id}/${memberName(app, version)}`,
  segmentKey: `segments/${workspaceId}/${id}`,
});

/** A draft that waits for its upload. */
export const createRelease = (
  workspace: StoredWorkspace,
  input: CreateRelease,
  caller: string,
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
    ...keysOf(workspace, id, input.app, input.version),
    ...born(moment.now),
  };
  return {
    release,
    writes: [
      workspaceIsActive(workspace.id),
      { do: "create", table: "ota", item: { ...release } },
      recordChange(id, { action: "created", by: caller }, moment),
    ],
  };
};

/**
 * Another release of the same content in another environment, which is published at once; nothing is uploaded again.
 * @throws AppError `not-ready` for one that was not published, `invalid-request` for the same environment
 */
export const promoteRelease = (
  workspace: StoredWorkspace,
  source: StoredRelease,
  { reason, ...input }: PromoteRelease,
  caller: string,
  moment: Moment,
): Accepted => {
  const { app, version, attributes, cpuArch, hardware, minimumVersion, rollout, allowDowngrade, pauseAbove } = source;
  const { md5, sha256, size, segment, binaryKey } = source;
  if (input.environment.toLowerCase() === source.environment.toLowerCase()) {
    const detail = `the release is in ${source.environment} already`;
    throw new AppError("invalid-request", detail, {
      findings: [{ pointer: "/environment", rule: "another-environment", detail }],
    });
  }
  if (source.status !== "published" || md5 === undefined || segment === undefined) {
    throw new AppError("not-ready", `the release is ${source.status}, not published`);
  }
  const id = moment.newId("release");
  const { environment, notBefore } = input;
  const terms = { attributes, cpuArch, hardware, allowDowngrade, rollout: input.rollout ?? rollout };
  const release: StoredRelease = {
    ...otaKeys.release(workspace.id, id),
    type: "release",
    id,
    workspaceId: workspace.id,
    workspaceName: workspace.name,
    ...{ app, environment, version, ...terms },
    ...(minimumVersion !== undefined && { minimumVersion }),
    ...(pauseAbove !== undefined && { pauseAbove }),
    ...(notBefore !== undefined && { notBefore }),
    ...{ size, sha256, md5, promotedFrom: source.id, copyOf: { binaryKey, segment } },
    status: "publishing",
    publishedBy: caller,
    ...keysOf(workspace, id, app, version),
    ...born(moment.now),
  };
  const told = { by: caller, ...(reason !== undefined && { reason }) };
  return {
    intent: requestIntent(
      { kind: "release.publish", workspaceId: workspace.id, subject: subject(release), requestedBy: caller },
      moment,
    ),
    writes: [
      workspaceIsActive(workspace.id),
      {
        do: "check",
        table: "ota",
        key: otaKeys.release(workspace.id, source.id),
        when: { status: "published" },
        otherwise: { code: "not-ready", detail: "the release is being published or deleted" },
      },
      { do: "create", table: "ota", item: { ...release } },
      recordChange(id, { action: "created", ...told, changes: { promotedFrom: source.id } }, moment),
      recordChange(
        source.id,
        { action: "promoted", ...told, changes: { environment: input.environment, release: id } },
        moment,
      ),
    ],
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
      set: { status: "publishing", publishedBy: caller, updatedAt: moment.now.toISOString() },
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

/** A workspace with releases is not empty. */
export const forgetRelease = (release: StoredRelease): Write[] => [
  {
    do: "delete",
    table: "ota",
    key: otaKeys.release(release.workspaceId, release.id),
    when: { status: "deleting" },
  },
  { do: "delete", table: "ota", key: otaKeys.reports(release.id) },
];
