import { Agent, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { HeadBucketCommand, PutObjectCommand, type PutObjectCommandInput, type S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, test } from "vitest";
import { MIB, outcome, s3Suite } from "./support.ts";

const suite = s3Suite();
const { put, connect } = suite;

/** Makes a client change its bodies, framing and all, after they were signed. */
const tamperWith = (client: S3Client, change: (body: string) => string): void =>
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { body?: Buffer | AsyncIterable<Buffer> };
      if (request.body === undefined) return next(args);
      const chunks: Buffer[] = [];
      if (Buffer.isBuffer(request.body)) chunks.push(request.body);
      else for await (const chunk of request.body) chunks.push(Buffer.from(chunk));
      request.body = Buffer.from(change(Buffer.concat(chunks).toString("latin1")), "latin1");
      return next(args);
    },
    { step: "deserialize", name: "tamper" },
  );

describe("uploads", () => {
  test("a body that is refused half-way leaves the connection usable", async () => {
    const client = connect(suite.server, {
      requestHandler: { httpAgent: new Agent({ keepAlive: true, maxSockets: 1 }) },
    });
    tamperWith(client, (body) => body.replace(/^[0-9a-f]+/i, "z"));
    const Body = Readable.from([Buffer.alloc(16 * MIB)]);
    const sent = client.send(new PutObjectCommand({ Bucket: "bucket", Key: "half", Body, ContentLength: 16 * MIB }));
    expect(await outcome(sent)).toBe("IncompleteBody 400");
    expect(await outcome(client.send(new HeadBucketCommand({ Bucket: "bucket" })))).toBe("200");
  });

  const tampered = (
    Body: Buffer | Readable,
    change: (body: string) => string,
    more: Partial<PutObjectCommandInput>,
  ) => {
    const client = connect(
      suite.server,
      Body instanceof Readable ? {} : { requestChecksumCalculation: "WHEN_REQUIRED" },
    );
    tamperWith(client, change);
    return outcome(client.send(new PutObjectCommand({ Bucket: "bucket", Key: "tampered", Body, ...more })));
  };
  const framed = () => Readable.from([Buffer.from("0123456789")]);
  test.each<[note: string, body: () => Buffer | Readable, change: (body: string) => string, expected: string]>([
    ["a signed payload, changed", () => Buffer.from("signed"), () => "forged", "XAmzContentSHA256Mismatch 400"],
    ["framed bytes, unchanged", framed, (body) => body, "200"],
    ["framed bytes, changed", framed, (body) => body.replace("0123", "3210"), "BadDigest 400"],
    ["a chunk size that is no number", framed, (body) => body.replace(/^a/i, "z"), "IncompleteBody 400"],
    ["a chunk that is longer than its size", framed, (body) => body.replace(/^a/i, "9"), "IncompleteBody 400"],
    ["no end", framed, (body) => body.replace(/0\r\nx-amz[\s\S]*$/, ""), "IncompleteBody 400"],
    ["no trailer", framed, (body) => body.replace(/x-amz-checksum.*\r\n/, ""), "MalformedTrailerError 400"],
    [
      "a trailer without a value",
      framed,
      (body) => body.replace(/(x-amz-checksum-crc32).*\r\n/, "$1\r\n"),
      "MalformedTrailerError 400",
    ],
    ["bytes after the end", framed, (body) => `${body}more`, "MalformedTrailerError 400"],
    ["another length than announced", framed, (body) => body.replace(/^a\r\n0/i, "9\r\n"), "IncompleteBody 400"],
  ])("a body with %s", async (_note, body, change, expected) => {
    expect(await tampered(body(), change, { ContentLength: body() instanceof Readable ? 10 : 6 })).toBe(expected);
  });

  test("of many writers with If-None-Match: * one succeeds", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => outcome(put("race", `${n}`, { IfNoneMatch: "*" }))),
    );
    expect(outcomes.filter((result) => result === "200")).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(["200", "PreconditionFailed 412"]));
  });

  test("a client that waits for 100 Continue hears a refusal before it sends its body", async () => {
    const send = async (Key: string) => {
      const url = await getSignedUrl(suite.plain, new PutObjectCommand({ Bucket: "bucket", Key, IfNoneMatch: "*" }), {
        signableHeaders: new Set(["host", "if-none-match"]),
      });
      return new Promise<[status: number | undefined, continued: boolean, connection: string | undefined]>(
        (resolve, reject) => {
          const headers = { expect: "100-continue", "content-length": 4, "if-none-match": "*" };
          const upload = httpRequest(url, { method: "PUT", headers });
          let continued = false;
          upload.on("continue", () => {
            continued = true;
            upload.end("body");
          });
          upload.on("error", reject);
          upload.on("response", (response) => {
            response.resume();
            response.on("end", () => resolve([response.statusCode, continued, response.headers.connection]));
          });
          upload.flushHeaders();
        },
      );
    };
    expect([await send("waiting"), await send("waiting")]).toEqual([
      [200, true, "keep-alive"],
      [412, false, "close"],
    ]);
  });
});
