import type { CommonOptions } from "./commands.ts";
import { connect } from "./connect.ts";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { print } from "./output.ts";

interface ExportOptions extends CommonOptions {
  readonly from?: string;
  readonly to?: string;
  readonly actor?: string;
  readonly object?: string;
  readonly format?: "jsonl" | "csv";
}

/** The cursor of the next page, from `Link: <…?cursor=…>; rel="next"` (RFC 8288). */
const nextCursor = (link: string | null): string | undefined => {
  const [, url] = /^<([^>]+)>; rel="next"$/.exec(link ?? "") ?? [];
  return url === undefined ? undefined : (new URL(url).searchParams.get("cursor") ?? undefined);
};

/** Prints a workspace's audit records as they come, a line each, page after page: together they are one file of the format. */
export const exportAudit = async (options: ExportOptions): Promise<void> => {
  if (options.json && options.format === "csv")
    throw new CliError("usage", "CSV is no JSON", "Take --json or --format csv, not both.");
  const { slipway, workspace } = connect(options);
  const { from, to, actor, object, format } = options;
  let cursor: string | undefined;
  do {
    const { data, headers } = await slipway.call("exportAudit", {
      ...{ workspace: workspace(), from, to, actor, object, format, cursor },
      signal: interrupted.signal,
    });
    await print(data);
    cursor = nextCursor(headers.get("link"));
  } while (cursor !== undefined);
};
