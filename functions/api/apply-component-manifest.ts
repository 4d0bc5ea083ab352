import { createHash } from "node:crypto";
import { allItems, getItems } from "../../shared/aws/table.ts";
import {
  clashesOf,
  extraFiles,
  findingsOf,
  type Manifest,
  type StoredFile,
  versionTakesFiles,
} from "../../shared/component/file.ts";
import { byBytes } from "../../shared/component/path.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { inParallel } from "../../shared/parallel.ts";
import { AppError } from "../../shared/problems.ts";
import { refused } from "../../shared/read-json.ts";
import { endpoint } from "../http/endpoint.ts";
import { compare, expectOpen, removeFile, sendingOf } from "../http/files.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";
import { findVersion } from "../http/resources.ts";

/** Files that are looked at together, and declared in one transaction. */
const AT_A_TIME = 32;
/**
 * One answer tells of so many files, and asks for so many. A path has up to 768 bytes, and a URL, in which each of them may be
 * three, up to 5 KB: so the answer has less than the 6 MB that Lambda takes.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const MOST_ENTRIES = 1_000;
const MOST_UPLOADS = 500;
/** And it works for so long, of the 29 s that it may take. */
const BUDGET_MS = 15_000;

/**
 * Brings a draft's files towards a manifest: what is there stays, what changed is declared and asked for, and the rest goes
 * if that is wished. First come the files that are not in it, then those that are, in its order; the same manifest with the
 * cursor goes on where the last answer ended. Each step is whole in itself, so that one can also begin anew.
 */
export const handler = endpoint(
  componentRoutes,
  "applyComponentManifest",
  async ({ workspace, params, body, moment, step }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const place = { version, bucket: workspace.bucket };
    expectOpen(place);
    const findings = findingsOf(body);
    if (findings.length > 0) throw refused("the body", findings);
    const list = `${version.id} manifest ${fingerprintOf(body)}`;
    const at = placeIn(list, body);
    const deadline = Date.now() + BUDGET_MS;
    const inTime = () => Date.now() < deadline;

    const extra: string[] = [];
    if (typeof at !== "number") {
      const files = await allItems<StoredFile>(partitions.files(version.id));
      const others = extraFiles(body, files);
      const [clash] = body.prune ? [] : clashesOf([...others, ...body.files].map(({ path }) => path));
      if (clash !== undefined) throw new AppError("path-clash", clash.detail);
      const left = others.filter(({ sk }) => at === undefined || byBytes(sk, at) > 0);
      let done = 0;
      while (done < Math.min(left.length, MOST_ENTRIES) && (done === 0 || inTime())) {
        const batch = left.slice(done, Math.min(done + AT_A_TIME, MOST_ENTRIES));
        if (body.prune) await step(await inParallel(batch, AT_A_TIME, (file) => removeFile(place, file, moment.now)));
        extra.push(...batch.map(({ path }) => path));
        done += batch.length;
      }
      if (done < left.length) {
        return { body: { items: [], extra, nextCursor: encodeCursor(list, left[done - 1]?.sk) } };
      }
    }

    const declareBatch = async (batch: Manifest["files"]) => {
      const known = await getItems<StoredFile>(batch.map(({ path }) => keys.file(version.id, path)));
      const formers = new Map(known.map((file) => [file.sk, file]));
      const declared = await inParallel(batch, AT_A_TIME, (file) =>
        compare(place, formers.get(keys.file(version.id, file.path).sk), file, moment.now),
      );
      const writes = declared.flatMap(({ write }) => (write === undefined ? [] : [write]));
      if (writes.length > 0) await step([versionTakesFiles(version), ...writes]);
      return inParallel(declared, AT_A_TIME, async (one) => {
        await one.clear();
        const status = one.there ? ("skipped" as const) : ("upload" as const);
        return { path: one.file.path, status, ...(await sendingOf(place, one, moment.now)) };
      });
    };
    const items: Awaited<ReturnType<typeof declareBatch>> = [];
    const start = typeof at === "number" ? at : 0;
    const wanted = body.files.slice(start, start + MOST_ENTRIES - extra.length);
    let asked = 0;
    while (items.length < wanted.length && asked < MOST_UPLOADS && (items.length === 0 || inTime())) {
      const batch = await declareBatch(wanted.slice(items.length, items.length + AT_A_TIME));
      items.push(...batch);
      asked += batch.filter(({ status }) => status === "upload").length;
    }
    const next = start + items.length;
    return { body: { items, extra, ...(next < body.files.length && { nextCursor: encodeCursor(list, next) }) } };
  },
);

/** What a cursor is bound to: it goes on in the very manifest that it came with. */
const fingerprintOf = ({ files, prune }: Manifest): string =>
  createHash("sha256")
    .update(JSON.stringify([files, prune]))
    .digest("hex");

/**
 * Where an answer begins: after the extra file with this sort key, or at the file with this number in the manifest.
 * @throws AppError `invalid-cursor`
 */
const placeIn = (list: string, { files, cursor }: Manifest): string | number | undefined => {
  const place = cursor === undefined ? undefined : decodeCursor(list, cursor);
  if (place === undefined || (typeof place === "string" && place !== "")) return place;
  if (typeof place === "number" && Number.isInteger(place) && place >= 0 && place < files.length) return place;
  throw new AppError("invalid-cursor", "cursor must be the nextCursor of the answer to this very manifest");
};
