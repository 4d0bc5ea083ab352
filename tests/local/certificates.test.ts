import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { serverCertificate } from "../../local/certificates.ts";

const dir = mkdtempSync(join(tmpdir(), "slipway-tls-"));
afterAll(() => rmSync(dir, { recursive: true }));

const made = async (names?: readonly string[]) => {
  const { caFile, certificate } = await serverCertificate(dir, names);
  return { ca: new X509Certificate(readFileSync(caFile)), server: new X509Certificate(certificate) };
};

test("the server's certificate is made anew for other names, and the CA that devices trust stays", async () => {
  const first = await made();
  expect(first.server.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1");
  const same = await made();
  expect(same.server.fingerprint256).toBe(first.server.fingerprint256);
  const named = await made(["core.iot.test", "10.0.0.1", "localhost"]);
  expect(named.server.subjectAltName).toBe(
    "DNS:localhost, IP Address:127.0.0.1, DNS:core.iot.test, IP Address:10.0.0.1",
  );
  expect(named.ca.fingerprint256).toBe(first.ca.fingerprint256);
  for (const { server } of [first, named]) expect(server.verify(first.ca.publicKey)).toBe(true);
});
