import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { inTransaction, openDatabase } from "../sqlite.ts";
import type { Checksum } from "./checksums.ts";
import type { Segment } from "./content.ts";

/** Keys are blobs: they compare by their UTF-8 bytes, which is S3's order. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS bucket (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, created INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS setting (
    bucket TEXT NOT NULL REFERENCES bucket ON DELETE CASCADE, name TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS object (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL REFERENCES bucket, key BLOB NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified INTEGER NOT NULL, attributes TEXT NOT NULL,
    UNIQUE (bucket, key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS segment (
    object INTEGER NOT NULL REFERENCES object ON DELETE CASCADE, position INTEGER NOT NULL, file TEXT NOT NULL,
    size INTEGER NOT NULL, PRIMARY KEY (object, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES bucket ON DELETE CASCADE, key BLOB NOT NULL,
    created INTEGER NOT NULL, attributes TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS part (
    upload TEXT NOT NULL REFERENCES upload ON DELETE CASCADE, number INTEGER NOT NULL, file TEXT NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, checksum TEXT, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS upload_by_key ON upload (bucket, key, id);
  CREATE TABLE IF NOT EXISTS object_part (
    object INTEGER NOT NULL REFERENCES object ON DELETE CASCADE, number INTEGER NOT NULL, size INTEGER NOT NULL,
    checksum TEXT, PRIMARY KEY (object, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS completed (
    upload TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES bucket ON DELETE CASCADE, key BLOB NOT NULL,
    at INTEGER NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS sequence (id INTEGER PRIMARY KEY CHECK (id = 0), value INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO sequence VALUES (0, 0);
`;

export interface Bucket {
  readonly name: string;
  readonly owner: string;
  readonly created: number;
}

/** What an object carries besides its bytes. */
export interface Attributes {
  /** The headers that are stored and sent back, such as `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-meta-*`, without that prefix. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly checksum?: Checksum;
  readonly tags?: readonly Tag[];
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** What a part of a finished multipart upload was. */
export type ObjectPart = Pick<Part, "number" | "size"> & { readonly checksum?: Checksum };

export interface StoredObject {
  readonly id: number;
  readonly key: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly modified: number;
  readonly attributes: Attributes;
}

export type NewObject = Omit<StoredObject, "id"> & {
  readonly bucket: string;
  readonly segments: readonly Segment[];
  /** Empty unless it was uploaded in parts. */
  readonly parts: readonly ObjectPart[];
};

export interface StoredUpload {
  /** In the order of creation. */
  readonly id: string;
  readonly key: string;
  readonly created: number;
  /** As given to {@link Store.addUpload}. */
  readonly attributes: unknown;
}

export interface Part {
  readonly number: number;
  readonly file: string;
  readonly size: number;
  readonly etag: string;
  /** The one of the upload's algorithm, and the one that the client sent if it is another. */
  readonly checksums: readonly Checksum[];
  readonly modified: number;
}

/** What was answered to a completion, to be answered again when the client asks again. */
export interface Completed {
  readonly upload: string;
  readonly bucket: string;
  readonly key: string;
  readonly at: number;
  /** The parts that were listed, so that only the same request gets the same answer. */
  readonly request: string;
  readonly answer: string;
}

type Row = Readonly<Record<string, unknown>>;

const objectOf = (row: Row): StoredObject => ({
  id: Number(row.id),
  key: Buffer.from(row.key as Uint8Array).toString("utf8"),
  size: Number(row.size),
  etag: String(row.etag),
  modified: Number(row.modified),
  attributes: JSON.parse(String(row.attributes)) as Attributes,
});

const bucketOf = (row: Row): Bucket => ({
  name: String(row.name),
  owner: String(row.owner),
  created: Number(row.created),
});

const partOf = (row: Row): Part => ({
  number: Number(row.number),
  file: String(row.file),
  size: Number(row.size),
  etag: String(row.etag),
  modified: Number(row.modified),
  checksums: row.checksum === null ? [] : [JSON.parse(String(row.checksum)) as Checksum | Checksum[]].flat(),
});

const uploadOf = (row: Row): StoredUpload => ({
  id: String(row.id),
  key: Buffer.from(row.key as Uint8Array).toString("utf8"),
  created: Number(row.created),
  attributes: JSON.parse(String(row.attributes)) as unknown,
});

const OBJECT = "id, key, size, etag, modified, attributes";

/** The database: which buckets, objects, uploads and events there are, and which files hold their bytes. */
export class Store {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(dir: string) {
    this.#database = openDatabase(join(dir, "s3.sqlite"), SCHEMA);
  }

  close(): void {
    this.#database.close();
  }

  transaction<T>(work: () => T): T {
    return inTransaction(this.#database, work);
  }

  #prepare(sql: string): StatementSync {
    const prepared = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, prepared);
    return prepared;
  }

  #one(sql: string, ...values: (string | number | Buffer)[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  #all(sql: string, ...values: (string | number | Buffer)[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  #run(sql: string, ...values: (string | number | Buffer | null)[]): void {
    this.#prepare(sql).run(...values);
  }

  findBucket(name: string): Bucket | undefined {
    const row = this.#one("SELECT * FROM bucket WHERE name = ?", name);
    return row === undefined ? undefined : bucketOf(row);
  }

  listBuckets(owner: string): Bucket[] {
    return this.#all("SELECT * FROM bucket WHERE owner = ? ORDER BY name", owner).map(bucketOf);
  }

  addBucket({ name, owner, created }: Bucket): void {
    this.#run("INSERT INTO bucket VALUES (?, ?, ?)", name, owner, created);
  }

  /** Removes an empty bucket with its settings and unfinished uploads; answers the uploads' files. */
  removeBucket(name: string): string[] {
    const files = this.#all(
      "SELECT file FROM part JOIN upload ON upload.id = part.upload WHERE upload.bucket = ?",
      name,
    ).map((row) => String(row.file));
    this.#run("DELETE FROM bucket WHERE name = ?", name);
    return files;
  }

  isEmpty(bucket: string): boolean {
    return this.#one("SELECT 1 FROM object WHERE bucket = ? LIMIT 1", bucket) === undefined;
  }

  /** The buckets that have such a setting, with it. */
  settings(name: string): { readonly bucket: string; readonly document: string }[] {
    return this.#all("SELECT bucket, document FROM setting WHERE name = ? ORDER BY bucket", name).map((row) => ({
      bucket: String(row.bucket),
      document: String(row.document),
    }));
  }

  setting(bucket: string, name: string): string | undefined {
    const row = this.#one("SELECT document FROM setting WHERE bucket = ? AND name = ?", bucket, name);
    return row === undefined ? undefined : String(row.document);
  }

  putSetting(bucket: string, name: string, document: string): void {
    this.#run("INSERT OR REPLACE INTO setting VALUES (?, ?, ?)", bucket, name, document);
  }

  removeSetting(bucket: string, name: string): void {
    this.#run("DELETE FROM setting WHERE bucket = ? AND name = ?", bucket, name);
  }

  findObject(bucket: string, key: string): StoredObject | undefined {
    const row = this.#one(`SELECT ${OBJECT} FROM object WHERE bucket = ? AND key = ?`, bucket, Buffer.from(key));
    return row === undefined ? undefined : objectOf(row);
  }

  /** The objects whose keys lie after `from` and before `to`, in order; rows are read as they are asked for. */
  *objectsBetween(bucket: string, from: Buffer, to: Buffer): Generator<StoredObject> {
    const rows = this.#database
      .prepare(`SELECT ${OBJECT} FROM object WHERE bucket = ? AND key > ? AND key < ? ORDER BY key`)
      .iterate(bucket, from, to);
    for (const row of rows) yield objectOf(row);
  }

  segmentsOf(object: StoredObject): Segment[] {
    return this.#all("SELECT file, size FROM segment WHERE object = ? ORDER BY position", object.id).map((row) => ({
      file: String(row.file),
      size: Number(row.size),
    }));
  }

  /** Removes an object; answers the files that held it. */
  removeObject(object: StoredObject): string[] {
    const files = this.segmentsOf(object).map(({ file }) => file);
    this.#run("DELETE FROM object WHERE id = ?", object.id);
    return files;
  }

  /** Replaces what an object carries besides its bytes. */
  putAttributes(object: StoredObject, attributes: Attributes): void {
    this.#run("UPDATE object SET attributes = ? WHERE id = ?", JSON.stringify(attributes), object.id);
  }

  /** The parts that an object was uploaded in, by number; none if it was uploaded as a whole. */
  partsOf(object: StoredObject): ObjectPart[] {
    return this.#all("SELECT * FROM object_part WHERE object = ? ORDER BY number", object.id).map((row) => ({
      number: Number(row.number),
      size: Number(row.size),
      ...(row.checksum === null ? {} : { checksum: JSON.parse(String(row.checksum)) as Checksum }),
    }));
  }

  addObject({ bucket, key, size, etag, modified, attributes, segments, parts }: NewObject): void {
    const row = this.#one(
      "INSERT INTO object (bucket, key, size, etag, modified, attributes) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
      bucket,
      Buffer.from(key),
      size,
      etag,
      modified,
      JSON.stringify(attributes),
    );
    const id = Number(row?.id);
    for (const [position, { file, size: bytes }] of segments.entries()) {
      this.#run("INSERT INTO segment VALUES (?, ?, ?, ?)", id, position, file, bytes);
    }
    for (const { number, size: bytes, checksum } of parts) {
      const json = checksum === undefined ? null : JSON.stringify(checksum);
      this.#run("INSERT INTO object_part VALUES (?, ?, ?, ?)", id, number, bytes, json);
    }
  }

  addUpload(id: string, bucket: string, key: string, created: number, attributes: unknown): void {
    const json = JSON.stringify(attributes);
    this.#run("INSERT INTO upload VALUES (?, ?, ?, ?, ?)", id, bucket, Buffer.from(key), created, json);
  }

  /** An upload of that very key. */
  findUpload(id: string, bucket: string, key: string): StoredUpload | undefined {
    const row = this.#one("SELECT * FROM upload WHERE id = ? AND bucket = ? AND key = ?", id, bucket, Buffer.from(key));
    return row === undefined ? undefined : uploadOf(row);
  }

  /** The uploads after a key and an id and before the key `to`, by key and then by id; rows are read as they are asked for. */
  *uploadsBetween(bucket: string, key: Buffer, id: string, to: Buffer): Generator<StoredUpload> {
    const rows = this.#database
      .prepare("SELECT * FROM upload WHERE bucket = ? AND (key, id) > (?, ?) AND key < ? ORDER BY key, id")
      .iterate(bucket, key, id, to);
    for (const row of rows) yield uploadOf(row);
  }

  removeUpload(id: string): void {
    this.#run("DELETE FROM upload WHERE id = ?", id);
  }

  /** An upload's parts by number. */
  parts(upload: string): Part[] {
    return this.#all("SELECT * FROM part WHERE upload = ? ORDER BY number", upload).map(partOf);
  }

  /** Adds a part or replaces it; answers the replaced part's file. */
  putPart(upload: string, part: Part): string[] {
    const old = this.#all("SELECT file FROM part WHERE upload = ? AND number = ?", upload, part.number);
    this.#run(
      "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?)",
      upload,
      part.number,
      part.file,
      part.size,
      part.etag,
      JSON.stringify(part.checksums),
      part.modified,
    );
    return old.map((row) => String(row.file));
  }

  addCompleted({ upload, bucket, key, at, request, answer }: Completed): void {
    this.#run("INSERT INTO completed VALUES (?, ?, ?, ?, ?, ?)", upload, bucket, Buffer.from(key), at, request, answer);
  }

  findCompleted(upload: string, bucket: string, key: string, since: number): Completed | undefined {
    const row = this.#one(
      "SELECT * FROM completed WHERE upload = ? AND bucket = ? AND key = ? AND at >= ?",
      upload,
      bucket,
      Buffer.from(key),
      since,
    );
    if (row === undefined) return undefined;
    return { upload, bucket, key, at: Number(row.at), request: String(row.request), answer: String(row.answer) };
  }

  forgetCompleted(before: number): void {
    this.#run("DELETE FROM completed WHERE at < ?", before);
  }

  /** Every file that an object or a part owns. */
  ownedFiles(): Set<string> {
    return new Set(this.#all("SELECT file FROM segment UNION SELECT file FROM part").map((row) => String(row.file)));
  }

  /** A number that grows with every call, across restarts. */
  nextSequence(): number {
    return Number(this.#one("UPDATE sequence SET value = value + 1 RETURNING value")?.value);
  }

  addEvent(event: unknown): void {
    this.#run("INSERT INTO outbox (event) VALUES (?)", JSON.stringify(event));
  }

  /** The events that have not been published, oldest first. */
  pendingEvents(): { readonly id: number; readonly event: unknown }[] {
    return this.#all("SELECT id, event FROM outbox ORDER BY id").map((row) => ({
      id: Number(row.id),
      event: JSON.parse(String(row.event)) as unknown,
    }));
  }

  removeEvent(id: number): void {
    this.#run("DELETE FROM outbox WHERE id = ?", id);
  }
}
