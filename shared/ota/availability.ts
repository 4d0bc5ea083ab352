import type { Moment } from "../ids.ts";
import { otaKeys } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Write } from "../writes.ts";
import { type Entry, publishedName } from "./entry.ts";
import { type ReleaseChange, recordChange } from "./history.ts";
import type { Availability, EditRelease, StoredRelease } from "./release.ts";
import type { Segment } from "./select.ts";
import type { Signature } from "./statements.ts";
import { compareVersions } from "./versions.ts";

const entryOf = (release: StoredRelease, md5: string, segment: Segment): Entry => {
  const { app, environment, version, attributes, size, sha256, cpuArch, hardware, rollout, allowDowngrade } = release;
  const { minimumVersion, notBefore, publishedAt, availability, pauseAbove, signature, keyId } = release;
  return {
    releaseId: release.id,
    path: release.binaryKey,
    ...{ app, environment, version, attributes, size, sha256, md5, segment },
    ...{ cpuArch, hardware, rollout, allowDowngrade, isPaused: availability === "paused" },
    ...(minimumVersion !== undefined && { minimumVersion }),
    ...(notBefore !== undefined && { notBefore }),
    ...(pauseAbove !== undefined && { pauseAbove }),
    ...(publishedAt !== undefined && { publishedAt }),
    ...(signature !== undefined && { signature, keyId }),
  };
};

/**
 * What makes devices see a release as it now is. Every change of a release's availability or terms goes through here, in one
 * transaction with the release's own item: none of them sees half of it. Nothing for one that was never published.
 */
export const entryWrites = (release: StoredRelease): Write[] => {
  const { workspaceId, app, environment, id, availability, md5, segment } = release;
  const key = otaKeys.current(workspaceId, app, environment, id);
  if (availability === undefined || md5 === undefined || segment === undefined) return [];
  if (availability === "withdrawn" || availability === "superseded") return [{ do: "delete", table: "ota", key }];
  return [{ do: "put", table: "ota", item: { ...key, type: "current-release", ...entryOf(release, md5, segment) } }];
};

/** What the binary of a release is, so that devices which list its hash are known to have that version, for ever. */
const knownBinary = ({ workspaceId, app, environment, version, sha256 }: StoredRelease, md5: string): Write[] =>
  [sha256, md5].map((hash) => ({
    do: "update",
    table: "ota",
    key: otaKeys.binary(workspaceId, hash.toLowerCase()),
    set: { type: "binary", [publishedName(environment, app)]: version },
  }));

type Change = Omit<ReleaseChange, "at">;

/**
 * Changes a release that was read just now, with what devices see of it and a line in its history.
 * @throws AppError `not-ready` while it is being published or deleted
 */
const change = (
  release: StoredRelease,
  edits: Readonly<Record<string, unknown>>,
  told: Change,
  moment: Moment,
): { readonly next: StoredRelease; readonly writes: readonly Write[] } => {
  if (release.status === "publishing" || release.status === "deleting") {
    throw new AppError("not-ready", `the release is ${release.status}`);
  }
  const removed = Object.keys(edits).filter((name) => edits[name] === null);
  const set = {
    ...Object.fromEntries(Object.entries(edits).filter(([, value]) => value !== null && value !== undefined)),
    updatedAt: moment.now.toISOString(),
    revision: release.revision + 1,
  };
  const kept = Object.fromEntries(Object.entries(release).filter(([name]) => !removed.includes(name)));
  const next = { ...kept, ...set } as StoredRelease;
  return {
    next,
    writes: [
      {
        do: "update",
        table: "ota",
        key: otaKeys.release(release.workspaceId, release.id),
        set,
        ...(removed.length > 0 && { remove: removed }),
        when: { revision: release.revision },
        otherwise: { code: "precondition-failed", detail: "it was changed at the same time: read it again" },
      },
      ...entryWrites(next),
      recordChange(release.id, told, moment),
    ],
  };
};

/** Other terms. @throws AppError `not-ready` */
export const editRelease = (
  release: StoredRelease,
  { reason, ...terms }: EditRelease,
  caller: string,
  moment: Moment,
) =>
  change(
    release,
    terms,
    { action: "changed", by: caller, ...(reason !== undefined && { reason }), changes: terms },
    moment,
  );

/** From which states a release gets into another, and what is said of it. */
const STEPS = {
  pause: { from: ["offered"], to: "paused", action: "paused" },
  resume: { from: ["paused"], to: "offered", action: "resumed" },
  withdraw: { from: ["offered", "paused", "superseded"], to: "withdrawn", action: "withdrawn" },
} as const satisfies Record<string, { from: readonly Availability[]; to: Availability; action: Change["action"] }>;

/**
 * Pauses, resumes or withdraws a release. Paused, no device that has it not gets it; withdrawn, it is as if it had never
 * been, until it is published again. Devices that have it keep it either way, unless another one allows a downgrade.
 * @throws AppError `not-ready` where it is in no state for that
 */
export const changeAvailability = (
  release: StoredRelease,
  step: keyof typeof STEPS,
  { by, reason }: { readonly by: string; readonly reason?: string | undefined },
  moment: Moment,
) => {
  const { from, to, action } = STEPS[step];
  const { availability } = release;
  if (availability === undefined || !(from as readonly Availability[]).includes(availability)) {
    throw new AppError("not-ready", `the release is ${availability ?? "not published"}: it cannot be ${action}`);
  }
  return change(release, { availability: to }, { action, by, ...(reason !== undefined && { reason }) }, moment);
};

/** Releases with this many newer ones for all their devices are of no use any more, even if the newest are withdrawn. */
const KEPT_BEHIND = 3;

const folded = (texts: readonly string[] = []): readonly string[] => texts.map((text) => text.toLowerCase());
const areWithin = (inner: readonly string[] = [], outer: readonly string[] = []): boolean =>
  folded(inner).every((text) => folded(outer).includes(text));
/** Both for all, or both for some and one's for some of the other's: what is for some goes before what is for all. */
const isNarrower = (inner: readonly string[] = [], outer: readonly string[] = []): boolean =>
  (inner.length === 0) === (outer.length === 0) && areWithin(inner, outer);

const isNewer = (other: Entry, entry: Entry): boolean => {
  const order = compareVersions(other.version, entry.version);
  return order > 0 || (order === 0 && (other.publishedAt ?? "") > (entry.publishedAt ?? ""));
};

/** Whether every device that `entry` is for gets `other` rather than it, whatever the device has and says. */
const isCoveredBy = (entry: Entry, other: Entry, now: Date): boolean =>
  !other.isPaused &&
  (other.rollout ?? 100) >= 100 &&
  other.minimumVersion === undefined &&
  (other.notBefore === undefined || Date.parse(other.notBefore) <= now.getTime()) &&
  (entry.allowDowngrade !== true || other.allowDowngrade === true) &&
  isNewer(other, entry) &&
  isNarrower(entry.cpuArch, other.cpuArch) &&
  isNarrower(entry.hardware, other.hardware) &&
  areWithin(entry.attributes, other.attributes);

/** What leaves the list of what devices may get when a release gets there. */
export interface Displaced {
  readonly entry: Entry;
  readonly availability: "withdrawn" | "superseded";
}

/**
 * @param published what is published now
 * @param isAgain it was published before: then newer versions are withdrawn, since to publish an older one again is to
 *   bring it back
 * @param others all other entries of its app and environment
 */
export const displacedBy = (
  published: Entry,
  isAgain: boolean,
  others: readonly Entry[],
  now: Date,
): readonly Displaced[] => {
  const withdrawn = isAgain ? others.filter((one) => compareVersions(one.version, published.version) > 0) : [];
  const left = [published, ...others.filter((one) => !withdrawn.includes(one))];
  const superseded = others.filter(
    (one) => !withdrawn.includes(one) && left.filter((other) => isCoveredBy(one, other, now)).length >= KEPT_BEHIND,
  );
  return [
    ...withdrawn.map((entry) => ({ entry, availability: "withdrawn" }) as const),
    ...superseded.map((entry) => ({ entry, availability: "superseded" }) as const),
  ];
};

/** A transaction takes 100 writes, three for each that is displaced. */
const MOST_DISPLACED = 30;

/**
 * Makes the release what devices get, in one write: none of them sees half of it.
 * @param entries all that devices may get for the release's app in its environment
 * @throws AppError `not-ready` where it would withdraw more newer releases than one transaction takes
 */
export const makeCurrent = (
  release: StoredRelease,
  prepared: { readonly md5: string; readonly segment: Segment } & Signature,
  entries: readonly Entry[],
  moment: Moment,
): Write[] => {
  const at = moment.now.toISOString();
  const by = release.publishedBy ?? "";
  const next: StoredRelease = { ...release, ...prepared, availability: "offered", publishedAt: at };
  const others = entries.filter(({ releaseId }) => releaseId !== release.id);
  const isAgain = release.publishedAt !== undefined;
  const displaced = displacedBy(entryOf(next, prepared.md5, prepared.segment), isAgain, others, moment.now);
  if (displaced.filter((one) => one.availability === "withdrawn").length > MOST_DISPLACED) {
    throw new AppError("not-ready", `more than ${MOST_DISPLACED} newer releases are offered: withdraw some first`);
  }
  return [
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { status: "published", ...prepared, availability: "offered", publishedAt: at, updatedAt: at },
      add: { revision: 1 },
      when: { status: { in: ["publishing", "published"] } },
    },
    ...entryWrites(next),
    ...knownBinary(release, prepared.md5),
    recordChange(release.id, { action: "published", by }, moment),
    ...displaced.slice(0, MOST_DISPLACED).flatMap(({ entry, availability }): Write[] => [
      {
        do: "update",
        table: "ota",
        key: otaKeys.release(release.workspaceId, entry.releaseId),
        set: { availability, updatedAt: at },
        add: { revision: 1 },
        when: { pk: { exists: true } },
        otherwise: { code: "busy", detail: "a release that this one displaces is being changed" },
      },
      {
        do: "delete",
        table: "ota",
        key: otaKeys.current(release.workspaceId, entry.app, entry.environment, entry.releaseId),
      },
      recordChange(
        entry.releaseId,
        { action: availability, by, reason: `${release.version} was published${isAgain ? " again" : ""}` },
        moment,
      ),
    ]),
  ];
};
