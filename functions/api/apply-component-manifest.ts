import { allItems } from "../../shared/aws/table.ts";
import { clashesOf, extraFiles, findingsOf, type StoredFile, versionTakesFiles } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { inParallel } from "../../shared/parallel.ts";
import { AppError } from "../../shared/problems.ts";
import { refused } from "../../shared/read-json.ts";
import { endpoint } from "../http/endpoint.ts";
import { compare, expectOpen, removeFile, sendingOf } from "../http/files.ts";
import { findVersion } from "../http/resources.ts";

/** Files that are looked at together, and declared in one transaction. */
const AT_A_TIME = 32;
/** One answer asks for so many files; the same manifest again asks for the next ones. */
const MOST_UPLOADS = 200;
/** And it works for so long, of the 29 s that it may take. */
const BUDGET_MS = 15_000;

/**
 * Brings a draft's files towards a manifest: what is there stays, what changed is declared and asked for, and the rest goes
 * if that is wished. Each step is whole in itself, so that the same manifest, sent again, goes on where the last one ended.
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
    const files = await allItems<StoredFile>(partitions.files(version.id));
    const extra = extraFiles(body, files);
    const [clash] = body.prune ? [] : clashesOf([...extra, ...body.files].map(({ path }) => path));
    if (clash !== undefined) throw new AppError("path-clash", clash.detail);

    const deadline = Date.now() + BUDGET_MS;
    const inTime = () => Date.now() < deadline;
    const formers = new Map(files.map((file) => [file.sk, file]));
    let pruned = 0;
    for (; body.prune && pruned < extra.length && inTime(); pruned += AT_A_TIME) {
      const batch = extra.slice(pruned, pruned + AT_A_TIME);
      await step(await inParallel(batch, AT_A_TIME, (file) => removeFile(place, file, moment.now)));
      for (const { sk } of batch) formers.delete(sk);
    }
    const allPruned = !body.prune || pruned >= extra.length;

    const items: Awaited<ReturnType<typeof declareBatch>> = [];
    const declareBatch = async (batch: typeof body.files) => {
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
    let asked = 0;
    while (allPruned && items.length < body.files.length && asked < MOST_UPLOADS && inTime()) {
      const batch = await declareBatch(body.files.slice(items.length, items.length + AT_A_TIME));
      items.push(...batch);
      asked += batch.filter(({ status }) => status === "upload").length;
    }
    const more = !allPruned || items.length < body.files.length;
    return { body: { items, extra: extra.map(({ path }) => path), more } };
  },
);
