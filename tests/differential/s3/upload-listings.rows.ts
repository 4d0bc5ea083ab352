import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { api, bucket, ERRORS, type S3Row, unique } from "./world.ts";

/** A new bucket with uploads of these keys, in this order. */
const uploads = (
  when: string,
  keys: readonly string[],
  input: Partial<ListMultipartUploadsCommandInput>,
  fields: Record<string, unknown>,
): S3Row => ({
  operation: "ListMultipartUploads",
  when,
  send: async (world) => {
    const Bucket = await bucket(world);
    for (const Key of keys) await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const answer = await world.s3.send(new ListMultipartUploadsCommand({ Bucket, ...input }));
    return {
      ...answer,
      keys: (answer.Uploads ?? []).map(({ Key }) => Key),
      prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
    };
  },
  expect: { status: 200, fields },
  source: api("ListMultipartUploads"),
});

export const uploadListingRows: readonly S3Row[] = [
  uploads("there are none", [], {}, { keys: [], IsTruncated: false, MaxUploads: 1000 }),
  uploads("several: by key", ["b", "a", "a/1", "c"], {}, { keys: ["a", "a/1", "b", "c"], IsTruncated: false }),
  uploads("a prefix", ["b", "a/2", "a/1"], { Prefix: "a/" }, { keys: ["a/1", "a/2"], Prefix: "a/" }),
  uploads("a delimiter", ["b", "a/2", "a/1"], { Delimiter: "/" }, { keys: ["b"], prefixes: ["a/"] }),
  uploads("a marker, whose own uploads are left out", ["a", "b", "b", "c"], { KeyMarker: "b" }, { keys: ["c"] }),
  uploads("names are to be encoded", ["é"], { EncodingType: "url" }, { keys: ["%C3%A9"], EncodingType: "url" }),
  uploads(
    "two are wanted",
    ["a", "b", "c"],
    { MaxUploads: 2 },
    {
      keys: ["a", "b"],
      IsTruncated: true,
      MaxUploads: 2,
      NextKeyMarker: "b",
      NextUploadIdMarker: expect.any(String),
    },
  ),
  {
    operation: "ListMultipartUploads",
    when: "pages have one, and a key has three uploads: each comes once, the oldest first",
    send: async (world) => {
      const Bucket = await bucket(world);
      const made: (string | undefined)[] = [];
      for (let n = 0; n < 3; n += 1) {
        made.push((await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "key" }))).UploadId);
      }
      const seen: (string | undefined)[] = [];
      let markers: Partial<ListMultipartUploadsCommandInput> = {};
      for (;;) {
        const page = await world.s3.send(new ListMultipartUploadsCommand({ Bucket, MaxUploads: 1, ...markers }));
        seen.push(...(page.Uploads ?? []).map(({ UploadId }) => UploadId));
        if (page.IsTruncated !== true) return { ...page, same: seen.join() === made.join(), count: seen.length };
        markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
    },
    expect: { status: 200, fields: { same: true, count: 3 } },
    source: api("ListMultipartUploads"),
  },
  {
    operation: "ListMultipartUploads",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new ListMultipartUploadsCommand({ Bucket: unique() })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
];
