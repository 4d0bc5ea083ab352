import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { S3Client } from "@aws-sdk/client-s3";
import { apiClient } from "../../local/api-client.ts";
import { importSample } from "./import.ts";
import { readRows } from "./rows.ts";

const USAGE = `Usage: SLIPWAY_API_TOKEN=T npm run -s import-sample -- --api URL --workspace W --rows FILE
Imports the releases of Amazon's sample "CloudFront dynamic OTA" into a workspace. FILE is what
  aws dynamodb scan --table-name AppVersionsTable… > FILE
writes, or a list of rows in plain JSON. The binaries are read from the sample's bucket, with the AWS SDK's own region and
credentials: AWS_REGION, AWS_PROFILE and so on. What is imported already is left alone: after an interruption, run it again.`;

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { api: { type: "string" }, workspace: { type: "string" }, rows: { type: "string" } },
  });
  const { api, workspace, rows: file } = values;
  const token = process.env.SLIPWAY_API_TOKEN;
  if (api === undefined || workspace === undefined || file === undefined) throw new Error("an option is missing");
  if (!token) throw new Error("SLIPWAY_API_TOKEN is not set");
  const rows = readRows(readFileSync(file, "utf8"));
  const s3 = new S3Client({ forcePathStyle: process.env.AWS_ENDPOINT_URL_S3 !== undefined });
  const failed = await importSample({ api: apiClient(api, token), s3, workspace }, rows, (row, outcome) => {
    const told = outcome instanceof Error ? `failed: ${outcome.message}` : outcome;
    process.stdout.write(`${row.app} ${row.version} (${row.environment}) ${told}\n`);
  });
  s3.destroy();
  return failed === 0 ? 0 : 1;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = 1;
  },
);
