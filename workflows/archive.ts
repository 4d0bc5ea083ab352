import { sequence, taskStates, type Workflow } from "./asl.ts";

export const archiveCreate: Workflow = {
  name: "archive-create",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment:
          "Puts an archive that is too large to be streamed, or that a device would rather fetch, into the OTA bucket",
        timeoutSeconds: 3_600,
        first: "Hash the archive",
      },
      {
        "Hash the archive": task("hash-archive", { Next: "Store the archive" }),
        "Store the archive": task("store-archive", { Next: "Finish the archive" }),
        "Finish the archive": task("finish-archive", { End: true }),
      },
    );
  },
};
