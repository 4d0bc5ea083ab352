import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import mqtt from "mqtt-packet";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningCloud, runCloud } from "../../local/child.ts";

const dir = mkdtempSync(join(tmpdir(), "slipway-devices-"));
let cloud: RunningCloud;

beforeAll(async () => {
  cloud = await runCloud(dir);
});

afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const trust = () => ({ ca: readFileSync(cloud.endpoints.caFile) });

test.each([
  [5, { reasonCode: 0x88 }],
  [4, { returnCode: 3 }],
] as const)(
  "the MQTT port refuses a client of version %i as a server that is unavailable",
  async (protocolVersion, refusal) => {
    const packet = await new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(cloud.endpoints.mqtt).port), "127.0.0.1", trust(), () => {
        socket.write(mqtt.generate({ cmd: "connect", clientId: "device", protocolVersion, clean: true, keepalive: 0 }));
      });
      const parser = mqtt.parser({ protocolVersion });
      parser.on("packet", resolve);
      socket.on("data", (data) => parser.parse(data));
      socket.on("error", reject);
    });
    expect(packet).toMatchObject({ cmd: "connack", ...refusal });
  },
);
