import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { emulationDocument } from "../../local/emulation-document.ts";
import { emulations } from "../../local/emulations.ts";

test("docs/EMBEDDED-CLOUD.md is what `npm run docs` writes", async () => {
  const written = readFileSync(new URL("../../docs/EMBEDDED-CLOUD.md", import.meta.url), "utf8");
  expect(written).toBe(await emulationDocument(emulations));
});

test.each(emulations)("$service tells both sides of each difference, and each once", ({ differences }) => {
  expect(differences.filter(({ of, aws, here }) => [of, aws, here].includes(""))).toEqual([]);
  expect(new Set(differences.map(({ of }) => of)).size).toBe(differences.length);
});

test("an operation that the client does not have is refused", async () => {
  const wrong = { service: "S3", client: "@aws-sdk/client-s3", operations: ["PutObjectt"], differences: [] };
  await expect(emulationDocument([wrong])).rejects.toThrow("S3 has no operations PutObjectt");
});
