import { createHash } from "node:crypto";
import type { CurrentRelease } from "../../../shared/ota/select.ts";

export const makeRelease = (
  app: string,
  environment: string,
  version: string,
  attributes: readonly string[] = [],
  more: Partial<CurrentRelease> = {},
): CurrentRelease => {
  const content = `${app} ${environment} ${version}`;
  const hash = (algorithm: string) => createHash(algorithm).update(content).digest("hex");
  return {
    app,
    environment,
    version,
    attributes,
    size: 10,
    sha256: hash("sha256"),
    md5: hash("md5"),
    segment: { key: `segments/${content}`, size: 30, crc32: 7, length: 1024 },
    ...more,
  };
};

/** The nine rows of the dynamic OTA sample that Slipway's OTA endpoint stands in for: app, environment, version, attributes. */
export const SAMPLE_ROWS: readonly (readonly [string, string, string, readonly string[]])[] = [
  ["os_armv8", "beta", "2.0.0", []],
  ["os_armv8", "prod", "1.1.0", []],
  ["os_armv7", "beta", "2.0.0", []],
  ["os_armv7", "prod", "1.0.0", []],
  ["scoreboard", "beta", "2.0.0", []],
  ["scoreboard", "prod", "1.0.0", ["gamer"]],
  ["videoStreamer", "beta", "0.1.2", ["camera"]],
  ["videoStreamer", "prod", "0.0.1", ["camera", "gamer"]],
  ["modemFW", "prod", "1.0", ["cellular"]],
];

export const SAMPLE: readonly CurrentRelease[] = SAMPLE_ROWS.map((row) => makeRelease(...row));
