import type { Store } from "../aws-json/store.ts";
import type { ComponentState, ComponentVersionRow } from "./components.ts";
import { type Recipe, s3Uris, withDigests } from "./recipe.ts";

/** What is known of an artifact in S3, or why it cannot be read. */
export type ReadArtifact = (
  uri: string,
) => Promise<{ readonly sha256Base64: string; readonly size: number } | { readonly error: string }>;

/** The sum of a component version's artifacts: https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
const MAX_BYTES = 2 * 1024 ** 3;

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
    const broken = Object.entries(errors).map(([uri, error]) => `${uri} = ${error}`);
    if (broken.length > 0)
      this.#settle(arn, "FAILED", `Encountered following errors in Artifacts: {${broken.join(", ")}}`, errors);
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
