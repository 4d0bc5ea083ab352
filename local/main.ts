import { HelpWanted, startOptions, USAGE, UsageError } from "./arguments.ts";
import { startCloud } from "./cloud.ts";
import { DataUnusable } from "./data-folder.ts";
import { PolicyFault } from "./iam/stage-identities.ts";
import { PortTaken } from "./listen.ts";

/** `npm start`: runs the embedded cloud until Ctrl-C. Exit codes: 0 stopped, 1 failed, 2 wrong options. */
const main = async (): Promise<number> => {
  const startedAt = performance.now();
  const options = startOptions(process.argv.slice(2));
  const stopped = Promise.withResolvers<{ code: number; why?: string }>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopped.resolve({ code: 0 }));
  }
  const crashed = (error: unknown) =>
    stopped.resolve({ code: 1, why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.on("uncaughtException", crashed);
  process.on("unhandledRejection", crashed);

  const cloud = await startCloud(options);
  void cloud.broken.then((why) => stopped.resolve({ code: 1, why }));
  const { endpoints } = cloud;
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
  process.stdout.write(
    `slipway ready in ${seconds} s: api ${endpoints.api}, ota ${endpoints.ota}, data ${options.data} (Ctrl-C stops)\n`,
  );
  const { code, why } = await stopped.promise;
  if (why !== undefined) process.stderr.write(`${why}\n`);
  await cloud.close();
  return code;
};

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof HelpWanted) {
      process.stdout.write(`${USAGE}\n`);
      process.exit(0);
    }
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${USAGE}\n`);
      process.exit(2);
    }
    const told =
      error instanceof PortTaken || error instanceof DataUnusable || error instanceof PolicyFault
        ? error.message
        : error instanceof Error
          ? error.stack
          : String(error);
    process.stderr.write(`${told}\n`);
    process.exit(1);
  },
);
