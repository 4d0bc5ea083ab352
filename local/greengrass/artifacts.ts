import type { Store } from "../aws-json/store.ts";
import type { ComponentState, ComponentVersionRow } from "./component-versions.ts";
import { type Recipe, s3Uris, withDigests } from "./recipe.ts";

/** What is known of an artifact in S3, or why it cannot be read. */
export type ReadArtifact = (
  uri: string,
) => Promise<{ readonly sha256Base64: string; readonly size: number } | { readonly error: string }>;

/** The sum of a component version's artifacts: https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
const MAX_BYTES = 2 * 1024 ** 3;

const describeErrors = (errors: Readonly<Record<string, string>>): string =>
  `Encountered following errors in Artifacts: {${Object.entries(errors)
    .map(([uri, error]) => `${uri} = ${error}`)
    .join(", ")}}`;

/** What AWS says of artifacts that cannot be read, or undefined when all can. */
export const unreadable = async (recipe: Recipe, readArtifact: ReadArtifact): Promise<string | undefined> => {
  const errors: Record<string, string> = {};
  for (const uri of s3Uris(recipe)) {
    const artifact = await readArtifact(uri);
    if ("error" in artifact) errors[uri] = artifact.error;
  }
  return Object.keys(errors).length === 0 ? undefined : describeErrors(errors);
};

/**
 * Takes component versions from REQUESTED over INITIATED to DEPLOYABLE, with the digests in their recipes, or to FAILED.
 * Each step is stored, so that a version whose artifacts were being read when the process was killed goes on at the next
 * start.
 */
export class ArtifactReader {
  readonly #store: Store;
  readonly #readArtifact: ReadArtifact;
  #closed = false;

  constructor(store: Store, readArtifact: ReadArtifact) {
    this.#store = store;
    this.#readArtifact = readArtifact;
  }

  /** Goes on with what an earlier process left unfinished. */
  resume(): void {
    const sql = "SELECT arn FROM component_versions WHERE state IN ('REQUESTED', 'INITIATED')";
    for (const { arn } of this.#store.all<{ arn: string }>(sql)) this.initiate(arn);
  }

  initiate(arn: string): void {
    this.#run(arn).catch((error: unknown) => {
      if (!this.#closed) this.#settle(arn, "FAILED", `The artifacts could not be read: ${String(error)}`, {});
    });
  }

  /** Stops writing: the database is about to be closed. Reads that are under way end without an effect. */
  close(): void {
    this.#closed = true;
  }

  async #run(arn: string): Promise<void> {
    this.#store.run("UPDATE component_versions SET state = 'INITIATED' WHERE arn = ?", arn);
    const row = this.#store.get<ComponentVersionRow>("SELECT * FROM component_versions WHERE arn = ?", arn);
    if (row === undefined) return;
    const recipe = JSON.parse(row.recipe) as Recipe;
    const digests = new Map<string, string>();
    const errors: Record<string, string> = {};
    let size = 0;
    for (const uri of s3Uris(recipe)) {
      const artifact = await this.#readArtifact(uri);
      if (this.#closed) return;
      if ("error" in artifact) {
        errors[uri] = artifact.error;
        continue;
      }
      digests.set(uri, artifact.sha256Base64);
      size += artifact.size;
    }
    if (Object.keys(errors).length > 0) this.#settle(arn, "FAILED", describeErrors(errors), errors);
    else if (size > MAX_BYTES)
      this.#settle(arn, "FAILED", `The artifacts have ${size} bytes; at most ${MAX_BYTES} are allowed`, {});
    else this.#settle(arn, "DEPLOYABLE", "NONE", {}, withDigests(recipe, digests));
  }

  #settle(arn: string, state: ComponentState, message: string, errors: Record<string, string>, recipe?: Recipe): void {
    this.#store.run(
      "UPDATE component_versions SET state = ?, message = ?, errors = ?, recipe = coalesce(?, recipe) WHERE arn = ?",
      state,
      message,
      JSON.stringify(errors),
      recipe === undefined ? null : JSON.stringify(recipe),
      arn,
    );
  }
}
