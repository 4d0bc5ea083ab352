import {
  ListObjectsCommand,
  type ListObjectsCommandInput,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { api, bucket, ERRORS, type S3Row, unique, type World } from "./world.ts";

// In UTF-8 U+FF5E sorts before U+1F600; in UTF-16, JavaScript's order, after it.
const KEYS = ["B", "a", "a/", "a/1", "a/2", "a/b/3", "ab", "b/1", "b/2", "c d(1)", "～", "😀"];

/** One bucket for all rows: none of them changes it. */
const listed = new WeakMap<World, Promise<string>>();
const filled = (world: World): Promise<string> => {
  const made =
    listed.get(world) ??
    (async () => {
      const Bucket = await bucket(world);
      for (const Key of [...KEYS].reverse()) await world.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
      return Bucket;
    })();
  listed.set(world, made);
  return made;
};

const shown = ({
  Contents = [],
  CommonPrefixes = [],
}: {
  Contents?: { Key?: string | undefined }[] | undefined;
  CommonPrefixes?: { Prefix?: string | undefined }[] | undefined;
}) => ({ keys: Contents.map(({ Key }) => Key), prefixes: CommonPrefixes.map(({ Prefix }) => Prefix) });

const v2 = (
  when: string,
  input: Partial<ListObjectsV2CommandInput>,
  fields: { readonly keys: string[]; readonly prefixes?: string[] } & Record<string, unknown>,
): S3Row => ({
  operation: "ListObjectsV2",
  when,
  send: async (world) => {
    const answer = await world.s3.send(new ListObjectsV2Command({ Bucket: await filled(world), ...input }));
    return { ...answer, ...shown(answer) };
  },
  expect: { status: 200, fields: { prefixes: [], ...fields } },
  source: api("ListObjectsV2"),
});

const v1 = (
  when: string,
  input: Partial<ListObjectsCommandInput>,
  fields: { readonly keys: string[]; readonly prefixes?: string[] } & Record<string, unknown>,
): S3Row => ({
  operation: "ListObjects",
  when,
  send: async (world) => {
    const answer = await world.s3.send(new ListObjectsCommand({ Bucket: await filled(world), ...input }));
    return { ...answer, ...shown(answer) };
  },
  expect: { status: 200, fields: { prefixes: [], ...fields } },
  source: api("ListObjects"),
});

/** All pages of so many entries. */
const pages = (MaxKeys: number): S3Row => ({
  operation: "ListObjectsV2",
  when: `pages have ${MaxKeys}, with a delimiter: every key and prefix comes once`,
  send: async (world) => {
    const Bucket = await filled(world);
    const seen: (string | undefined)[] = [];
    let sizes = 0;
    let token: string | undefined;
    for (;;) {
      const page: ListObjectsV2CommandOutput = await world.s3.send(
        new ListObjectsV2Command({ Bucket, MaxKeys, Delimiter: "/", ContinuationToken: token }),
      );
      const { keys, prefixes } = shown(page);
      seen.push(...keys, ...prefixes);
      sizes = Math.max(sizes, keys.length + prefixes.length);
      token = page.NextContinuationToken;
      if (token === undefined) return { ...page, seen: seen.sort(), full: sizes === MaxKeys };
    }
  },
  expect: {
    status: 200,
    fields: { seen: ["B", "a", "a/", "ab", "b/", "c d(1)", "～", "😀"].sort(), full: true, IsTruncated: false },
  },
  source: api("ListObjectsV2"),
});

export const listingRows: readonly S3Row[] = [
  v2(
    "nothing else is said: in the order of the keys' UTF-8",
    {},
    {
      keys: KEYS,
      KeyCount: KEYS.length,
      MaxKeys: 1000,
      IsTruncated: false,
      NextContinuationToken: undefined,
    },
  ),
  v2("a prefix", { Prefix: "a" }, { keys: ["a", "a/", "a/1", "a/2", "a/b/3", "ab"], Prefix: "a" }),
  v2("a prefix that is a key", { Prefix: "a/" }, { keys: ["a/", "a/1", "a/2", "a/b/3"] }),
  v2("a prefix of nothing", { Prefix: "zzz" }, { keys: [], KeyCount: 0 }),
  v2(
    "a delimiter",
    { Delimiter: "/" },
    { keys: ["B", "a", "ab", "c d(1)", "～", "😀"], prefixes: ["a/", "b/"], KeyCount: 8, Delimiter: "/" },
  ),
  v2("a prefix and a delimiter", { Prefix: "a/", Delimiter: "/" }, { keys: ["a/", "a/1", "a/2"], prefixes: ["a/b/"] }),
  v2(
    "a prefix that ends before the delimiter",
    { Prefix: "a", Delimiter: "/" },
    { keys: ["a", "ab"], prefixes: ["a/"] },
  ),
  v2(
    "a delimiter of two characters",
    { Delimiter: "/1", Prefix: "a" },
    {
      keys: ["a", "a/", "a/2", "a/b/3", "ab"],
      prefixes: ["a/1"],
    },
  ),
  v2(
    "start-after a key",
    { StartAfter: "ab" },
    {
      keys: ["b/1", "b/2", "c d(1)", "～", "😀"],
      StartAfter: "ab",
    },
  ),
  v2("start-after what is no key", { StartAfter: "aa" }, { keys: ["ab", "b/1", "b/2", "c d(1)", "～", "😀"] }),
  v2("start-after before the prefix", { StartAfter: "A", Prefix: "b" }, { keys: ["b/1", "b/2"] }),
  v2("start-after behind the prefix", { StartAfter: "c", Prefix: "b" }, { keys: [] }),
  v2(
    "start-after inside a common prefix: that one does not come after it",
    { StartAfter: "a/1", Delimiter: "/" },
    { keys: ["ab", "c d(1)", "～", "😀"], prefixes: ["b/"] },
  ),
  v2("no keys are wanted", { MaxKeys: 0 }, { keys: [], IsTruncated: false, KeyCount: 0 }),
  v2(
    "two keys are wanted",
    { MaxKeys: 2 },
    {
      keys: ["B", "a"],
      IsTruncated: true,
      MaxKeys: 2,
      NextContinuationToken: expect.any(String),
    },
  ),
  v2("more than 1000 keys are wanted", { MaxKeys: 5000 }, { keys: KEYS, MaxKeys: 1000 }),
  v2(
    "names are to be encoded",
    { EncodingType: "url", Delimiter: "é/", Prefix: "c" },
    { keys: ["c%20d%281%29"], EncodingType: "url", Delimiter: "%C3%A9/", Prefix: "c" },
  ),
  v2("names are to be encoded, and slashes stay", { EncodingType: "url", Prefix: "a/b" }, { keys: ["a/b/3"] }),
  v2(
    "owners are asked for",
    { Prefix: "ab", FetchOwner: true },
    {
      keys: ["ab"],
      Contents: [expect.objectContaining({ Owner: { ID: expect.any(String) }, Size: 2, StorageClass: "STANDARD" })],
    },
  ),
  v2(
    "owners are not asked for",
    { Prefix: "ab" },
    {
      keys: ["ab"],
      Contents: [expect.not.objectContaining({ Owner: expect.anything() })],
    },
  ),
  ...[1, 2, 3, 7].map(pages),
  ...(
    [
      ["fewer keys than none", { MaxKeys: -1 }, 400, "InvalidArgument"],
      ["a token that is none", { ContinuationToken: "what?" }, 400, "InvalidArgument"],
      ["another encoding", { EncodingType: "base64" as "url" }, 400, "InvalidArgument"],
      ["there is no such bucket", { Bucket: unique() }, 404, "NoSuchBucket"],
    ] as const
  ).flatMap(([when, input, status, code]): S3Row[] => [
    {
      operation: "ListObjectsV2",
      when,
      send: async (world) => world.s3.send(new ListObjectsV2Command({ Bucket: await filled(world), ...input })),
      expect: { status, code },
      source: ERRORS,
    },
  ]),
  v1("nothing else is said", {}, { keys: KEYS, Marker: "", NextMarker: undefined, IsTruncated: false }),
  v1("a marker", { Marker: "b/1" }, { keys: ["b/2", "c d(1)", "～", "😀"], Marker: "b/1" }),
  v1(
    "truncated without a delimiter: the last key is the next marker",
    { MaxKeys: 2 },
    {
      keys: ["B", "a"],
      IsTruncated: true,
      NextMarker: undefined,
    },
  ),
  v1(
    "truncated after a common prefix",
    { MaxKeys: 3, Delimiter: "/" },
    {
      keys: ["B", "a"],
      prefixes: ["a/"],
      IsTruncated: true,
      NextMarker: "a/",
    },
  ),
  v1(
    "a marker that is a common prefix",
    { Marker: "a/", Delimiter: "/" },
    {
      keys: ["ab", "c d(1)", "～", "😀"],
      prefixes: ["b/"],
    },
  ),
  v1(
    "owners are always told",
    { Prefix: "ab" },
    {
      keys: ["ab"],
      Contents: [expect.objectContaining({ Owner: { ID: expect.any(String) } })],
    },
  ),
  {
    operation: "ListObjects",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new ListObjectsCommand({ Bucket: unique() })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: api("ListObjects"),
  },
];
