import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { parse } from "csv-parse";
import { StateError } from "./errors.ts";
import { type Fields, fill, isFields, numberOf } from "./paths.ts";

/** Of the first row or of the header that is given. */
const MAX_HEADER_BYTES = 10_240;
const DELIMITERS: Readonly<Record<string, string>> = {
  COMMA: ",",
  PIPE: "|",
  SEMICOLON: ";",
  SPACE: " ",
  TAB: "\t",
};

const readerFailed = (why: string): StateError => new StateError("States.ItemReaderFailed", why);

const bodyOf = async (s3: S3Client, parameters: Fields): Promise<Readable> => {
  const { Bucket, Key, VersionId } = parameters;
  const { Body } = await s3.send(
    new GetObjectCommand({
      Bucket: String(Bucket),
      Key: String(Key),
      ...(VersionId === undefined ? {} : { VersionId: String(VersionId) }),
    }),
  );
  return Body as Readable;
};

async function* readCsv(body: Readable, config: Fields): AsyncGenerator<unknown> {
  const given = Array.isArray(config.CSVHeaders) ? config.CSVHeaders.map(String) : undefined;
  let header = config.CSVHeaderLocation === "GIVEN" ? given : undefined;
  const delimiter = DELIMITERS[String(config.CSVDelimiter ?? "COMMA")] ?? ",";
  const rows = body.pipe(parse({ bom: true, delimiter, relax_column_count: true, skip_empty_lines: true }));
  // A read error of the object ends the rows, too.
  body.on("error", (error) => rows.destroy(error));
  for await (const row of rows as AsyncIterable<string[]>) {
    if (header === undefined) {
      header = row;
      if (Buffer.byteLength(row.join(",")) > MAX_HEADER_BYTES) throw readerFailed("The CSV header exceeds 10 KiB");
      continue;
    }
    const item: Record<string, string> = {};
    // What a row has beyond the header is dropped, what it lacks is empty.
    for (const [index, name] of header.entries()) item[name] = row[index] ?? "";
    yield item;
  }
}

async function* readLines(body: Readable): AsyncGenerator<unknown> {
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== "") yield JSON.parse(line);
  }
}

/** One JSON array; it is parsed as a whole, as it is nowhere written where its items end. */
async function* readArray(body: Readable): AsyncGenerator<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const items: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  if (!Array.isArray(items)) throw readerFailed("Attempting to map over non-iterable node.");
  yield* items;
}

async function* listObjects(s3: S3Client, parameters: Fields): AsyncGenerator<unknown> {
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket: String(parameters.Bucket),
        ...(typeof parameters.Prefix === "string" && { Prefix: parameters.Prefix }),
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    );
    for (const { Key, ETag, LastModified, Size, StorageClass } of page.Contents ?? []) {
      const modified = LastModified === undefined ? {} : { LastModified: Math.floor(LastModified.getTime() / 1000) };
      yield { Etag: ETag, Key, ...modified, Size, StorageClass: StorageClass ?? "STANDARD" };
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

async function* readAll(s3: S3Client, reader: Fields, parameters: Fields): AsyncGenerator<unknown> {
  if (String(reader.Resource).endsWith(":s3:listObjectsV2")) return yield* listObjects(s3, parameters);
  const config = isFields(reader.ReaderConfig) ? reader.ReaderConfig : {};
  const body = await bodyOf(s3, parameters);
  try {
    if (config.InputType === "CSV") yield* readCsv(body, config);
    else if (config.InputType === "JSONL") yield* readLines(body);
    else yield* readArray(body);
  } finally {
    body.destroy();
  }
}

/**
 * The items that an ItemReader reads from S3, one after the other, at most `MaxItems`.
 *
 * @throws StateError States.ItemReaderFailed
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
 */
export async function* readItems(
  s3: S3Client,
  reader: Fields,
  data: unknown,
  context: unknown,
): AsyncGenerator<unknown> {
  const parameters = fill(reader.Parameters, data, context);
  const config = isFields(reader.ReaderConfig) ? reader.ReaderConfig : {};
  const most = numberOf(config, "MaxItems", data, context) || Number.POSITIVE_INFINITY;
  let count = 0;
  try {
    for await (const item of readAll(s3, reader, isFields(parameters) ? parameters : {})) {
      yield item;
      count += 1;
      if (count >= most) return;
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    throw readerFailed(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}
