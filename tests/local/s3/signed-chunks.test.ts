import { createHash, createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type ChunkSeal, decodeAwsChunked } from "../../../local/s3/aws-chunked.ts";
import { codeOf, REGION, s3Suite } from "./support.ts";

const suite = s3Suite();
const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string): Buffer => createHmac("sha256", key).update(data).digest();
const keyOf = (secret: string, day: string, region: string): Buffer =>
  [region, "s3", "aws4_request"].reduce<Buffer>(hmac, hmac(`AWS4${secret}`, day));

/** The examples that AWS publishes: 65 KB of the letter a, in chunks of 64 KB. */
const EXAMPLE: Omit<ChunkSeal, "seed"> = {
  key: keyOf("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1"),
  date: "20130524T000000Z",
  scope: "20130524/us-east-1/s3/aws4_request",
};
const frame = (data: string, signature: string): string =>
  `${data.length.toString(16)};chunk-signature=${signature}\r\n${data}${data === "" ? "" : "\r\n"}`;
const exampleBody = (signatures: readonly [string, string, string], end: string): string =>
  ["a".repeat(65_536), "a".repeat(1024), ""].map((data, n) => frame(data, signatures[n] ?? "")).join("") + end;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html */
const PLAIN = {
  seal: { ...EXAMPLE, seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9" },
  body: exampleBody(
    [
      "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
      "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ],
    "\r\n",
  ),
};
/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
const TRAILER = {
  seal: { ...EXAMPLE, seed: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e" },
  body: exampleBody(
    [
      "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
      "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ],
    "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
  ),
};

const decode = async (body: string, seal: ChunkSeal, piece = 10_000): Promise<string> => {
  const bytes = Buffer.from(body, "latin1");
  const source = async function* () {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  };
  const trailers = new Map<string, string>();
  let size = 0;
  try {
    for await (const data of decodeAwsChunked(source(), trailers, seal)) size += data.length;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return `${size} ${trailers.get("x-amz-checksum-crc32c") ?? ""}`;
};

describe("AWS's own examples", () => {
  test.each([1, 63, 64, 10_000, 1_000_000])("hold in pieces of %i", async (piece) => {
    expect(await decode(PLAIN.body, PLAIN.seal, piece)).toBe("66560 ");
    expect(await decode(TRAILER.body, TRAILER.seal, piece)).toBe("66560 sOO8/Q==");
  });

  test.each<[what: string, example: typeof PLAIN, change: (body: string) => string, expected: string]>([
    ["a byte", PLAIN, (body) => body.replace("aaa", "aba"), "SignatureDoesNotMatch"],
    ["a signature", PLAIN, (body) => body.replace("0055", "1055"), "SignatureDoesNotMatch"],
    ["no signature", PLAIN, (body) => body.replace(/;chunk-signature=\w+/, ""), "SignatureDoesNotMatch"],
    ["the last chunk's signature", PLAIN, (body) => body.replace("b6c6", "c6c6"), "SignatureDoesNotMatch"],
    ["no last chunk", PLAIN, (body) => body.replace(/0;chunk-signature=b6c6\w+\r\n\r\n/, ""), "IncompleteBody"],
    ["the trailer", TRAILER, (body) => body.replace("sOO8", "tOO8"), "SignatureDoesNotMatch"],
    ["no trailer's signature", TRAILER, (body) => body.replace(/x-amz-trailer-s.*\r\n/, ""), "SignatureDoesNotMatch"],
    ["chunks in another order", PLAIN, (body) => body.slice(65_626) + body.slice(0, 65_626), "SignatureDoesNotMatch"],
  ])("do not hold with %s changed", async (_what, { seal, body }, change, expected) => {
    expect(change(body)).not.toBe(body);
    expect(await decode(change(body), seal)).toBe(expected);
  });
});

/** A PUT that is signed by hand, its chunks too, as older SDKs and tools do it. */
const send = async (
  chunks: readonly string[],
  { trailer, dateHeader, tamper = (body) => body }: SendOptions = {},
): Promise<string> => {
  const now = new Date();
  const date = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const day = date.slice(0, 8);
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const payload = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? "" : "-TRAILER"}`;
  const { host, href } = new URL(`${suite.server.url}/bucket/chunks`);
  const headers: Record<string, string> = {
    host,
    "x-amz-content-sha256": payload,
    "x-amz-decoded-content-length": String(chunks.join("").length),
    "content-encoding": "aws-chunked",
    ...(dateHeader === true ? { date: now.toUTCString() } : { "x-amz-date": date }),
    ...(trailer === undefined ? {} : { "x-amz-trailer": trailer.slice(0, trailer.indexOf(":")) }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    "PUT",
    "/bucket/chunks",
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    payload,
  ].join("\n");
  const key = keyOf("secret", day, REGION);
  const sign = (...lines: readonly string[]): string => hmac(key, lines.join("\n")).toString("hex");
  let signature = sign("AWS4-HMAC-SHA256", date, scope, sha256(canonical));
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIDTEST/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  let body = "";
  for (const chunk of [...chunks, ""]) {
    signature = sign("AWS4-HMAC-SHA256-PAYLOAD", date, scope, signature, sha256(""), sha256(chunk));
    body += frame(chunk, signature);
  }
  if (trailer !== undefined) {
    signature = sign("AWS4-HMAC-SHA256-TRAILER", date, scope, signature, sha256(`${trailer}\n`));
    body += `${trailer}\r\nx-amz-trailer-signature:${signature}\r\n`;
  }
  const { host: _, ...sent } = headers;
  return codeOf(await fetch(href, { method: "PUT", headers: { ...sent, authorization }, body: tamper(`${body}\r\n`) }));
};
interface SendOptions {
  readonly trailer?: string;
  /** `Date` in place of `x-amz-date`. */
  readonly dateHeader?: boolean;
  readonly tamper?: (body: string) => string;
}

describe("signed chunks over a socket", () => {
  const chunks = ["x".repeat(8192), "tail"];
  const crc32 = "x-amz-checksum-crc32:";

  test("are taken off, and their bytes stored", async () => {
    expect(await send(chunks)).toBe(" 200");
    expect(await suite.read("chunks")).toBe(chunks.join(""));
    expect((await suite.get("chunks")).ContentEncoding).toBeUndefined();
  });

  test.each<[what: string, chunks: readonly string[], options: SendOptions, expected: string]>([
    ["a trailer that holds", ["123456789"], { trailer: `${crc32}y/Q5Jg==` }, " 200"],
    ["a trailer that is signed and wrong", ["123456789"], { trailer: `${crc32}AAAAAA==` }, "BadDigest 400"],
    ["a byte changed", chunks, { tamper: (body) => body.replace("tail", "tall") }, "SignatureDoesNotMatch 403"],
    ["the date in the Date header", chunks, { dateHeader: true }, " 200"],
    ["a small chunk before the last", ["small", "tail"], {}, "InvalidChunkSizeError 403"],
  ])("with %s", async (_what, sent, options, expected) => {
    await suite.put("chunks", "before");
    expect(await send(sent, options)).toBe(expected);
    expect(await suite.read("chunks")).toBe(expected === " 200" ? sent.join("") : "before");
  });
});
