import { PROBLEMS, type ProblemCode } from "../shared/problems.ts";
import { REMEDIES } from "../shared/remedies.ts";

const HEAD = `# Troubleshooting

Everything that is refused or fails has a problem document (RFC 9457): \`code\` is stable, \`detail\` tells what it is about, and
\`errors\` lists single faults with their place and rule. An intent that failed has the same in \`problem\`. The command line prints
\`detail\` and what to do next, and with \`--json\` the whole.

Written by \`npm run docs\` from the table in \`shared/problems.ts\`.

| code | HTTP | what it says | what to do |
|---|---|---|---|
`;

/** One row for each problem code, by status. */
export const problemsDocument = (): string => {
  const rows = (Object.keys(PROBLEMS) as ProblemCode[])
    .map((code) => ({ code, ...PROBLEMS[code] }))
    .sort((a, b) => a.status - b.status || a.code.localeCompare(b.code))
    .map(({ code, status, title }) => `| \`${code}\` | ${status} | ${title} | ${REMEDIES[code]} |\n`);
  return HEAD + rows.join("");
};
