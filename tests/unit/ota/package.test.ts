import { describe, expect, test } from "vitest";
import { parseEntityTags } from "../../../shared/ota/entity-tags.ts";
import { answerPackage, type PackageAnswer } from "../../../shared/ota/package.ts";
import { type CurrentRelease, parseQuery, select } from "../../../shared/ota/select.ts";
import { makeRelease, SAMPLE } from "./releases.ts";

const ask = (query: string, ifNoneMatch?: string, releases: readonly CurrentRelease[] = SAMPLE): PackageAnswer => {
  const parsed = parseQuery(query);
  return answerPackage({
    payloadType: parsed.payloadType,
    selection: select(parsed, releases),
    have: parseEntityTags(ifNoneMatch),
    urlOf: (release) => `https://ota.example/files/${release.sha256}`,
  });
};
const FOUR = "cpuArch=armv8&attrGamer=prod&attrCellular=prod";
const METADATA = `${FOUR}&payloadType=metadataOnly`;
const hashOf = (app: string, environment: string, algorithm: "md5" | "sha256") =>
  SAMPLE.find((release) => release.app === app && release.environment === environment)?.[algorithm] ?? "";
const OS = hashOf("os_armv8", "prod", "md5");
const REST = ["scoreboard", "videoStreamer", "modemFW"].map((app) => hashOf(app, "prod", "sha256")).join(",");

const metadata = (answer: PackageAnswer) => {
  if (answer.kind !== "metadata") throw new Error(`answered ${answer.kind}`);
  return { etag: answer.etag, text: new TextDecoder().decode(answer.body) };
};
const archive = (answer: PackageAnswer) => {
  if (answer.kind !== "archive") throw new Error(`answered ${answer.kind}`);
  return answer;
};
const keysOf = (answer: PackageAnswer) =>
  archive(answer).parts.flatMap((part) => (part.kind === "segment" ? [part.segment.key] : []));
const etagOf = (answer: PackageAnswer) => (answer.kind === "not-found" ? "" : answer.etag);

describe("metadata", () => {
  test("has what the sample has, and hashes, size and a URL that a device can fetch", () => {
    const { text } = metadata(ask(METADATA, OS));
    const document = JSON.parse(text);
    expect(Object.keys(document)).toEqual(["modemFW", "os_armv8", "scoreboard", "videoStreamer"]);
    expect(document.os_armv8).toEqual({
      latestVersion: "1.1.0",
      url: `https://ota.example/files/${hashOf("os_armv8", "prod", "sha256")}`,
      status_code: 304,
      sha256: hashOf("os_armv8", "prod", "sha256"),
      md5: OS,
      size: 10,
    });
    expect(document.scoreboard.status_code).toBe(200);
  });

  test("names like numbers keep their place", () => {
    const releases = [makeRelease("a", "prod", "1"), makeRelease("10", "prod", "1"), makeRelease("9", "prod", "1")];
    const { text } = metadata(ask("cpuArch=x&9=prod&a=prod&10=prod&payloadType=metadataOnly", undefined, releases));
    expect([...text.matchAll(/^ {2}"([^"]+)"/gm)].map((match) => match[1])).toEqual(["10", "9", "a"]);
  });
});

describe("the archive", () => {
  test("has what is lacking, in the order of names", () => {
    expect(keysOf(ask(FOUR, OS))).toEqual(
      ["modemFW prod 1.0", "scoreboard prod 1.0.0", "videoStreamer prod 0.0.1"].map((name) => `segments/${name}`),
    );
    expect(keysOf(ask(FOUR))).toHaveLength(4);
  });

  test("a length that is the sum of its parts", () => {
    const { parts, contentLength } = archive(ask(FOUR));
    const sum = parts.reduce(
      (bytes, part) => bytes + (part.kind === "bytes" ? part.bytes.length : part.segment.size),
      0,
    );
    expect(contentLength).toBe(sum);
  });
});

describe("ETags", () => {
  test("are strong, equal for equal questions, and different for different answers", () => {
    const different = [
      ask(FOUR),
      ask(METADATA),
      ask(FOUR, OS),
      ask(METADATA, OS),
      ask("cpuArch=armv8"),
      ask(FOUR, `${OS},${REST}`),
    ];
    const etags = different.map(etagOf);
    for (const etag of etags) expect(etag).toMatch(/^"[am]1-[0-9a-f]{40}"$/);
    expect(new Set(etags).size).toBe(etags.length);
    expect(etagOf(ask(FOUR.split("&").reverse().join("&").toUpperCase(), `"${OS.toUpperCase()}", "foreign"`))).toBe(
      etagOf(ask(FOUR, OS)),
    );
  });

  test("a recompressed segment changes the archive's ETag, not the metadata's", () => {
    const recompressed = SAMPLE.map((release) => ({ ...release, segment: { ...release.segment, key: "other" } }));
    expect(etagOf(ask(FOUR, undefined, recompressed))).not.toBe(etagOf(ask(FOUR)));
    expect(etagOf(ask(METADATA, undefined, recompressed))).toBe(etagOf(ask(METADATA)));
  });
});

describe("not modified", () => {
  test.each([
    [FOUR, `${OS},${REST}`, "binaries", "every binary, in MD5 and SHA-256"],
    [METADATA, `"${OS}" , W/"${REST.split(",").join('", "')}"`, "binaries", "… for metadata too"],
    [FOUR, "*", "binaries", "whatever there is"],
    [FOUR, etagOf(ask(FOUR)), "answer", "the answer's own tag"],
    [METADATA, `W/${etagOf(ask(METADATA))}`, "answer", "… as a weak one"],
    [FOUR, `${OS}, ${etagOf(ask(FOUR, OS))}`, "answer", "the tag of the partial answer, with the same hashes"],
    [FOUR, `${OS},${REST},${etagOf(ask(FOUR, `${OS},${REST}`))}`, "answer", "the tag of having everything"],
  ])("%s with %s: because of %s (%s)", (query, header, because, _note) => {
    expect(ask(query, header)).toMatchObject({ kind: "not-modified", because });
  });

  test.each([
    [FOUR, etagOf(ask(FOUR, OS)), "a partial answer's tag without its hashes"],
    [FOUR, etagOf(ask(METADATA)), "another answer's tag"],
    [FOUR, etagOf(ask(FOUR)).toUpperCase(), "a tag in other case"],
    [FOUR, etagOf(ask(FOUR, `${OS},${REST}`)), "the tag of having everything, without the hashes"],
    [FOUR, '"*"', "a quoted star"],
    [FOUR, hashOf("os_armv8", "beta", "md5"), "a hash of another environment's release"],
  ])("%s with %s is answered in full (%s)", (query, header, _note) => {
    expect(keysOf(ask(query, header))).toHaveLength(4);
  });

  test("nothing selected is not found, whatever the device has", () => {
    expect(ask("cpuArch=mips", "*")).toEqual({ kind: "not-found" });
    expect(ask("cpuArch=mips")).toEqual({ kind: "not-found" });
  });
});
