import { createHash } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { GetComponentCommand } from "@aws-sdk/client-greengrassv2";
import { expect, test } from "vitest";
import { runCloud } from "../../local/child.ts";
import { MAX_FILE_BYTES, PART_BYTES } from "../../shared/component/file.ts";
import { aWorkspace, expecting, testCloud } from "../integration/support/cloud.ts";
import { controlOf } from "../integration/support/control.ts";
import { draftsOf, type Part } from "../integration/support/drafts.ts";

const PARTS = MAX_FILE_BYTES / PART_BYTES;
const CHUNK = 64 * 1024;
/** Parts whose connection breaks while they are sent. */
const BROKEN_OFF = new Set([3, 40, 90]);
/** After this one, the cloud is killed. */
const KILLED_AFTER = 64;

/** A part's bytes: all parts differ, and so do the places in them. */
const bytesOf = (part: number): Buffer<ArrayBuffer> => {
  const bytes = Buffer.alloc(PART_BYTES, part & 0xff);
  for (let at = 0; at < PART_BYTES; at += 4_096) bytes.writeUInt32BE(part * PART_BYTES + at, at);
  return bytes;
};

/** Sends a part as a slow line does, a little at a time. @returns the status, or undefined where it breaks half way */
const sendSlowly = async ({ part, upload }: Part, breaks: boolean): Promise<number | undefined> => {
  if (upload === undefined) throw new Error(`part ${part} has come`);
  const { method, url, headers } = upload;
  const bytes = bytesOf(part);
  const sent = request(url, { method, headers });
  const answered = new Promise<number | undefined>((resolve) => {
    sent.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", () => resolve(undefined));
  });
  const last = breaks ? PART_BYTES / 2 : PART_BYTES;
  for (let at = 0; at < last; at += CHUNK) {
    if (!sent.write(bytes.subarray(at, at + CHUNK))) await new Promise((resolve) => sent.once("drain", resolve));
    await turn();
  }
  if (breaks) sent.destroy();
  else sent.end();
  return answered;
};

test("a file of 2 GB is sent part by part over a line that breaks, through a kill of the cloud, and published", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-large-component-"));
  let cloud = testCloud(await runCloud(join(folder, "data"), { args: ["--test-mode"] }), folder);
  try {
    let api = await cloud.client();
    const { path: workspace } = await aWorkspace(api, "large");
    const version = await draftsOf(api, workspace).draft("com.example.Large");
    const hash = createHash("sha256");
    for (let part = 1; part <= PARTS; part += 1) hash.update(bytesOf(part));
    const sha256 = hash.digest("hex");
    const file = { path: "dist/large.bin", size: MAX_FILE_BYTES, sha256 };
    await expecting(201, api.call("POST", `${version}/files`, { body: file }));

    const broken = new Set(BROKEN_OFF);
    const sendMissing = async (last: number): Promise<number> => {
      let sent = 0;
      for (const part of await draftsOf(api, workspace).parts(version, file.path)) {
        if (part.received || part.part > last) continue;
        const breaks = broken.delete(part.part);
        const status = await sendSlowly(part, breaks);
        expect([part.part, status]).toEqual([part.part, breaks ? undefined : 200]);
        sent += breaks ? 0 : 1;
      }
      return sent;
    };
    await sendMissing(KILLED_AFTER);
    const exited = new Promise((resolve) => cloud.child.once("exit", resolve));
    cloud.child.kill("SIGKILL");
    await exited;
    cloud.disconnect();
    const { dir, portBase } = cloud;
    cloud = testCloud(await runCloud(dir, { portBase, args: ["--test-mode"] }), folder);
    api = await cloud.client();

    const incomplete = await api.call("POST", `${version}/uploads/${file.path}`);
    expect(incomplete).toMatchObject({ status: 409, body: { code: "upload-incomplete" } });
    await sendMissing(PARTS);
    expect(await sendMissing(PARTS)).toBe(1); // the one that broke off after the kill; the others were sent by now
    expect(broken).toEqual(new Set());
    await expecting(200, api.call("POST", `${version}/uploads/${file.path}`));

    const { body } = await expecting(202, api.call<{ id: string }>("POST", `${version}/publish`));
    expect(await api.ended(body.id, 900_000)).toMatchObject({ status: "succeeded" });
    const { arn } = (await api.call<{ arn: string }>("GET", version)).body;
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn }));
    expect(Buffer.from(recipe ?? []).toString()).toContain(Buffer.from(sha256, "hex").toString("base64"));
    expect((await controlOf(cloud.endpoints).memory()).rss).toBeLessThan(400 * 1000 ** 2);
  } finally {
    await cloud.remove();
  }
});
