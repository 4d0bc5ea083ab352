import { gunzipSync } from "node:zlib";
import { type Context, expecting, send, sha256, type Upload } from "./context.ts";
import { type Check, expectThat } from "./run.ts";

interface Entry {
  readonly latestVersion: string;
  readonly url: string;
  readonly status_code: number;
  readonly sha256: string;
  readonly md5: string;
  readonly size: number;
  readonly keyId: string;
}

const ask = (context: Context, more = "", init: RequestInit = {}): Promise<Response> =>
  fetch(`${context.target.ota}/${context.query}${more}`, { redirect: "manual", ...init });

const METADATA = "&payloadType=metadataOnly";

const bytesOf = async (answer: Response): Promise<Uint8Array> => new Uint8Array(await answer.arrayBuffer());

const expectStatus = async (answer: Response, status: number, what: string): Promise<void> => {
  if (answer.status !== status)
    throw new Error(`${what} answers ${answer.status}, not ${status}: ${await answer.text()}`);
};

const entryOf = async (context: Context): Promise<Entry> => {
  const answer = await ask(context, METADATA);
  await expectStatus(answer, 200, "the metadata");
  const entries = (await answer.json()) as Record<string, Entry>;
  const entry = entries[`os_${context.run}`];
  if (entry === undefined || Object.keys(entries).length !== 1) throw new Error(`gives ${JSON.stringify(entries)}`);
  return entry;
};

/** The workspace's snapshot, once it has the line: within a second or so, and as long as a cache has the one before. */
const snapshotWith = async ({ query, target }: Context, line: string): Promise<string> => {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`${target.ota}/${query.split("/")[0]}/snapshot`);
    const text = await answer.text();
    if (text.includes(line)) return text;
    if (Date.now() > deadline) throw new Error(`the snapshot answers ${answer.status} without the release: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
};

/** That a device which says it has `have` is told that it has everything: from the origin, and then from the cache. */
const expectHeld = async (context: Context, have: string): Promise<void> => {
  for (const more of [METADATA, ""]) {
    for (const from of ["the origin", "the cache"]) {
      const answer = await ask(context, more, { headers: { "if-none-match": have } });
      await expectStatus(answer, 304, `${from}, asked with If-None-Match: ${have},`);
      expectThat(answer.headers.get("etag") !== null, `the 304 of ${from} has no ETag`);
      expectThat((await bytesOf(answer)).length === 0, `the 304 of ${from} has a body`);
      expectThat(!answer.headers.has("x-ota-not-modified"), `the origin's mark comes through from ${from}`);
    }
  }
};

/** What anonymous devices get, through the distribution: its functions, its cache, the package function, the bucket. */
export const otaChecks: readonly Check<Context>[] = [
  {
    name: "release",
    needs: ["workspace"],
    run: async ({ binary, client, done, run, workspace }) => {
      const declared = {
        ...{ app: `os_${run}`, environment: "prod", version: "1.0.0" },
        ...{ size: binary.length, sha256: sha256(binary) },
      };
      const path = `${workspace}/releases`;
      const answer = await client.call<{ id: string; upload: Upload }>("POST", path, { body: declared });
      const { id, upload } = expecting(201, answer).body;
      const status = await send(upload, binary);
      expectThat(status === 200, `the upload is answered ${status}`);
      await done("POST", `${path}/${id}/publish`);
    },
  },
  {
    name: "ota-metadata",
    needs: ["release"],
    run: async (context) => {
      const entry = await entryOf(context);
      expectThat(entry.latestVersion === "1.0.0" && entry.status_code === 200, `gives ${JSON.stringify(entry)}`);
      expectThat(entry.sha256 === sha256(context.binary), `has the hash ${entry.sha256}`);
      expectThat(entry.url.startsWith(`${context.target.ota}/`), `leads to ${entry.url}`);
    },
  },
  {
    name: "ota-binary",
    needs: ["ota-metadata"],
    run: async (context) => {
      const { url } = await entryOf(context);
      const whole = await fetch(url, { redirect: "manual" });
      await expectStatus(whole, 200, url);
      expectThat(sha256(await bytesOf(whole)) === sha256(context.binary), "the binary has other bytes");
      const part = await fetch(url, { headers: { range: "bytes=100-199" } });
      await expectStatus(part, 206, "a range of the binary");
      const wanted = context.binary.subarray(100, 200);
      expectThat(Buffer.from(wanted).equals(await bytesOf(part)), "the range has other bytes");
    },
  },
  {
    name: "ota-snapshot",
    needs: ["ota-metadata"],
    run: async (context) => {
      const { keyId, size } = await entryOf(context);
      const wanted = `entry prod os_${context.run} * 1.0.0 ${size} ${sha256(context.binary)}\n`;
      const text = await snapshotWith(context, wanted);
      expectThat(text.startsWith("slipway-snapshot-v1\n"), `the snapshot begins ${text.slice(0, 40)}`);
      expectThat(text.includes(`\nsignature ${keyId} `), "the snapshot and the release have other keys");
      const entries = text.match(/^entry .*\n/gm)?.join("") ?? "";
      const hash = sha256(new TextEncoder().encode(entries));
      expectThat(text.includes(`\nentries ${hash}\n`), "the snapshot's hash is of other releases");
      const named = (await ask(context, `${METADATA}&attrSigned=prod`)).headers.get("x-ota-snapshot");
      const path = /url="([^"]+)"/.exec(named ?? "")?.[1] ?? "";
      const whole = await fetch(`${context.target.ota}${path}`);
      expectThat((await whole.text()) === text, `the header leads elsewhere: ${named}`);
    },
  },
  {
    name: "ota-archive",
    needs: ["ota-metadata"],
    run: async (context) => {
      const answer = await ask(context);
      await expectStatus(answer, 200, "the archive");
      const archive = await bytesOf(answer);
      const length = Number(answer.headers.get("content-length") ?? Number.NaN);
      expectThat(length === archive.length, `Content-Length is ${length} for ${archive.length} bytes`);
      expectThat(answer.headers.get("content-encoding") === null, "the archive has a Content-Encoding");
      expectThat(answer.headers.get("etag") !== null, "the archive has no ETag");
      const tar = gunzipSync(archive);
      expectThat(tar.includes(Buffer.from(context.binary)), "the binary is not in the archive");
    },
  },
  {
    name: "ota-archive-range",
    needs: ["ota-archive"],
    run: async (context) => {
      const whole = await bytesOf(await ask(context));
      const part = await ask(context, "", { headers: { range: "bytes=20-39" } });
      await expectStatus(part, 206, "a range of the archive");
      expectThat(Buffer.from(whole.subarray(20, 40)).equals(await bytesOf(part)), "the range has other bytes");
    },
  },
  {
    name: "ota-head",
    needs: ["ota-metadata"],
    run: async (context) => {
      // A query of its own, so that no stored answer to a GET serves it.
      const answer = await ask(context, "&attrHead=prod", { method: "HEAD", signal: AbortSignal.timeout(20_000) });
      await expectStatus(answer, 200, "HEAD");
      expectThat(answer.headers.get("content-type") === "application/gzip", "HEAD tells another type than GET");
      expectThat(Number(answer.headers.get("content-length")) > 0, "HEAD tells no length");
    },
  },
  {
    name: "ota-has-binary",
    needs: ["ota-metadata"],
    run: async (context) => expectHeld(context, `"${sha256(context.binary)}"`),
  },
  {
    name: "ota-has-list",
    needs: ["ota-metadata"],
    run: async (context) => {
      const { md5 } = await entryOf(context);
      await expectHeld(context, `W/"${"0".repeat(64)}", "${md5.toUpperCase()}"`);
    },
  },
  {
    name: "ota-revalidation",
    needs: ["ota-metadata"],
    run: async (context) => {
      for (const more of [METADATA, ""]) {
        const first = await ask(context, more);
        await first.arrayBuffer();
        const again = await ask(context, more, { headers: { "if-none-match": first.headers.get("etag") ?? "" } });
        await expectStatus(again, 304, "the answer's own ETag");
      }
    },
  },
  {
    name: "ota-tag-in-list",
    needs: ["ota-metadata"],
    run: async (context) => {
      const first = await ask(context, METADATA);
      await first.arrayBuffer();
      const tags = `"${"0".repeat(31)}", W/${first.headers.get("etag")}`;
      const again = await ask(context, METADATA, { headers: { "if-none-match": tags } });
      await expectStatus(again, 304, "the answer's own ETag among others");
      expectThat((await bytesOf(again)).length === 0, "that 304 has a body");
    },
  },
  {
    name: "ota-private",
    needs: ["ota-metadata"],
    run: async (context) => {
      const held = await ask(context, METADATA, { headers: { "if-none-match": `"${sha256(context.binary)}"` } });
      for (const [answer, control] of [
        [held, "private"],
        [await ask(context, METADATA), "public"],
      ] as const) {
        await answer.arrayBuffer();
        const told = answer.headers.get("cache-control");
        expectThat(told?.startsWith(control) === true, `Cache-Control is ${told}, not ${control}`);
        const vary = answer.headers.get("vary");
        expectThat(vary?.includes("if-none-match") === true, `Vary is ${vary}`);
      }
    },
  },
  {
    name: "ota-methods",
    needs: ["ota-metadata"],
    run: async (context) => {
      const { url } = await entryOf(context);
      for (const target of [`${context.target.ota}/${context.query}`, url]) {
        const answer = await fetch(target, { method: "DELETE" });
        await expectStatus(answer, 405, "DELETE");
        expectThat(answer.headers.get("allow") === "GET, HEAD", `Allow is ${answer.headers.get("allow")}`);
        await answer.arrayBuffer();
      }
    },
  },
  {
    name: "ota-stored-archive",
    needs: ["ota-archive"],
    run: async (context) => {
      const deadline = Date.now() + 120_000;
      let answer = await ask(context, "", { headers: { prefer: "redirect" } });
      while (answer.status === 503 && Date.now() < deadline) {
        await answer.arrayBuffer();
        const seconds = Number(answer.headers.get("retry-after"));
        expectThat(seconds > 0, "a 503 does not say when to come again");
        await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
        answer = await ask(context, "", { headers: { prefer: "redirect" } });
      }
      await expectStatus(answer, 307, "Prefer: redirect");
      await answer.arrayBuffer();
      const stored = await fetch(answer.headers.get("location") ?? "", { redirect: "manual" });
      await expectStatus(stored, 200, "the stored archive");
      const digest = stored.headers.get("repr-digest");
      const bytes = await bytesOf(stored);
      expectThat(
        Buffer.from(bytes).equals(await bytesOf(await ask(context))),
        "what is stored is not what is streamed",
      );
      const expected = `sha-256=:${Buffer.from(sha256(bytes), "hex").toString("base64")}:`;
      expectThat(digest === expected, `Repr-Digest is ${digest}, not ${expected}`);
    },
  },
  {
    name: "ota-one-question",
    needs: ["ota-metadata"],
    run: async (context) => {
      const spellings = ["&attrA=prod&attrB=prod", "&ATTRB=PROD&attra=prod", "&attrB=prod&attrA=prod&attrA=prod"];
      const tags = new Set<string | null>();
      for (const spelling of spellings) {
        const answer = await ask(context, METADATA + spelling);
        await expectStatus(answer, 200, spelling);
        await answer.arrayBuffer();
        tags.add(answer.headers.get("etag"));
      }
      expectThat(tags.size === 1, `one question has the answers ${[...tags].join(", ")}`);
    },
  },
  {
    name: "ota-refusals",
    needs: ["workspace"],
    run: async (context) => {
      const { ota } = context.target;
      for (const [path, status] of [
        [`/smoke-${context.run}/package`, 400],
        [`/smoke-${context.run}/package?cpuArch=none`, 404],
        [`/nothing-${context.run}/package?cpuArch=none`, 404],
        ["/nothing", 404],
      ] as const) {
        const answer = await fetch(`${ota}${path}`);
        await expectStatus(answer, status, path);
        const type = answer.headers.get("content-type");
        expectThat(type === "application/problem+json", `${path} answers with ${type}`);
        await answer.arrayBuffer();
      }
    },
  },
];
