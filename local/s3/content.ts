import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";

const CHUNK = 256 * 1024;
/** What is gathered before it is written: few large writes cost less than many small ones. */
const BATCH = 1024 ** 2;

/** One file of an object's bytes; objects that were uploaded in parts have several. */
export interface Segment {
  readonly file: string;
  readonly size: number;
}

const writeBatch = async (handle: FileHandle, batch: Buffer[], size: number): Promise<void> => {
  const { bytesWritten } = await handle.writev(batch);
  // Only a full disk ends a write early, and the next one would fail; but then these bytes would be missing.
  if (bytesWritten !== size) throw new Error(`wrote ${bytesWritten} of ${size} bytes`);
};

/** One batch is written while the next one is gathered (and hashed by the source), so that memory stays flat. */
const writeAll = async (handle: FileHandle, bytes: AsyncIterable<Buffer>): Promise<void> => {
  let batch: Buffer[] = [];
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeBatch(handle, batch, size);
    // Awaited with the next batch; until then a failure must not count as unhandled.
    writing.catch(() => undefined);
    [batch, size] = [[], 0];
  };
  try {
    for await (const chunk of bytes) {
      batch.push(chunk);
      size += chunk.length;
      if (size >= BATCH) await flush();
    }
    if (size > 0) await flush();
  } finally {
    await writing;
  }
};

/**
 * The files that hold objects' bytes. Their names are random, so that no key reaches a path. A file is whole before the
 * database knows it, never changes after, and belongs to whatever the database says; what it does not know is swept at
 * start.
 */
export class Content {
  readonly #folder: string;
  readonly #readers = new Map<string, number>();
  readonly #doomed = new Set<string>();

  private constructor(dir: string) {
    this.#folder = join(dir, "content");
  }

  /** Opens the folder, and removes what a killed process left behind: files, whole or not, that nobody owns. */
  static async open(dir: string, owned: ReadonlySet<string>): Promise<Content> {
    const content = new Content(dir);
    await mkdir(content.#folder, { recursive: true });
    for (const file of await readdir(content.#folder)) {
      if (!owned.has(file)) await unlink(join(content.#folder, file));
    }
    return content;
  }

  /** Streams bytes into a new file; leaves nothing behind when the source fails. */
  async write(bytes: AsyncIterable<Buffer>): Promise<string> {
    const file = randomUUID();
    const path = join(this.#folder, file);
    const handle = await open(path, "wx");
    try {
      await writeAll(handle, bytes).finally(() => handle.close());
    } catch (error) {
      await unlink(path);
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
