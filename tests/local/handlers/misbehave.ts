/** A function that does what no function should. */
export const handler = async ({ how, print = [] }: { how: string; print?: readonly string[] }): Promise<string> => {
  for (const line of print) process.stdout.write(`${line}\n`);
  const never = new Promise<string>(() => undefined);
  switch (how) {
    case "rejection":
      void Promise.reject(new Error("nobody looks"));
      return never;
    case "exception":
      setTimeout(() => {
        throw new TypeError("thrown by a timer");
      }, 1);
      return never;
    case "exit":
      process.exit(3);
      return never;
    case "exit later":
      setTimeout(() => process.exit(), 1);
      return never;
    case "text":
      throw "only text";
    case "memory": {
      const kept: string[][] = [];
      for (;;) kept.push(Array.from({ length: 1_000 }, (_, i) => `${kept.length}-${i}`));
    }
    case "late rejection":
      setTimeout(() => void Promise.reject(new Error("too late to matter")), 1);
      return "done";
    default:
      return "well behaved";
  }
};
