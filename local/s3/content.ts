import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { link, mkdir, readdir, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const CHUNK = 256 * 1024;

/** One file of an object's bytes; objects that were uploaded in parts have several. */
export interface Segment {
  readonly file: string;
  readonly size: number;
}

/**
 * The files that hold objects' bytes. Their names are random, so that no key reaches a path. A file is complete when it is
 * there, never changes, and belongs to whatever the database says; what the database does not know is swept at start.
 */
export class Content {
  readonly #folder: string;
  readonly #staging: string;
  readonly #readers = new Map<string, number>();
  readonly #doomed = new Set<string>();

  private constructor(dir: string) {
    this.#folder = join(dir, "content");
    this.#staging = join(dir, "staging");
  }

  /** Opens the folder, and removes what a killed process left behind: half-written files, and files nobody owns. */
  static async open(dir: string, owned: ReadonlySet<string>): Promise<Content> {
    const content = new Content(dir);
    await rm(content.#staging, { recursive: true, force: true });
    await mkdir(content.#staging, { recursive: true });
    await mkdir(content.#folder, { recursive: true });
    for (const file of await readdir(content.#folder)) {
      if (!owned.has(file)) await unlink(join(content.#folder, file));
    }
    return content;
  }

  /** Streams bytes into a new file; leaves nothing behind when the source fails. */
  async write(bytes: AsyncIterable<Buffer>): Promise<string> {
    const file = randomUUID();
    const staged = join(this.#staging, file);
    try {
      await pipeline(bytes, createWriteStream(staged, { flags: "wx", highWaterMark: CHUNK }));
      await rename(staged, join(this.#folder, file));
    } catch (error) {
      await rm(staged, { force: true });
      throw error;
    }
    return file;
  }

  /** Gives the same bytes a second name: content never changes, so that a copy needs none of its own. */
  async copy(segments: readonly Segment[]): Promise<Segment[]> {
    const copies: Segment[] = [];
    for (const { file, size } of segments) {
      const copy = randomUUID();
      await link(join(this.#folder, file), join(this.#folder, copy));
      copies.push({ file: copy, size });
    }
    return copies;
  }

  /** Streams the bytes from `start` up to and without `end`. */
  async *read(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Buffer> {
    let offset = 0;
    for (const { file, size } of segments) {
      const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, size)];
      offset += size;
      if (from >= to) continue;
      yield* createReadStream(join(this.#folder, file), { start: from, end: to - 1, highWaterMark: CHUNK });
    }
  }

  /** Keeps files on disk, even when their object goes, until the answer is called. */
  hold(segments: readonly Segment[]): () => Promise<void> {
    for (const { file } of segments) this.#readers.set(file, (this.#readers.get(file) ?? 0) + 1);
    return async () => {
      for (const { file } of segments) {
        const left = (this.#readers.get(file) ?? 0) - 1;
        if (left > 0) {
          this.#readers.set(file, left);
          continue;
        }
        this.#readers.delete(file);
        if (this.#doomed.delete(file)) await unlink(join(this.#folder, file));
      }
    };
  }

  /** Removes files, those that are being read once their last reader is done. */
  async remove(files: readonly string[]): Promise<void> {
    for (const file of files) {
      if (this.#readers.has(file)) this.#doomed.add(file);
      else await unlink(join(this.#folder, file));
    }
  }
}
