import { sequence, taskStates, type Workflow } from "./asl.ts";

export const releasePublish: Workflow = {
  name: "release-publish",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Hashes an OTA binary, stores it and its archive segment, signs it, and makes it current in one write",
        timeoutSeconds: 3_600,
        first: "Hash the binary",
      },
      {
        "Hash the binary": task("hash-release", { Next: "Store the binary" }),
        "Store the binary": task("store-release", { Next: "Compress the segment" }),
        "Compress the segment": task("compress-release", { Next: "Sign the release" }),
        "Sign the release": task("sign-release", { Next: "Finish" }),
        Finish: task("finish-release", { End: true }),
      },
    );
  },
};

export const releaseDelete: Workflow = {
  name: "release-delete",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Takes an OTA release away: devices stop getting it before its objects go",
        timeoutSeconds: 900,
        first: "Withdraw the release",
      },
      {
        "Withdraw the release": task("withdraw-release", { Next: "Delete its objects" }),
        "Delete its objects": task("delete-release-objects", { Next: "Forget the release" }),
        "Forget the release": task("forget-release", { End: true }),
      },
    );
  },
};

export const releasePause: Workflow = {
  name: "release-pause",
  definition: (functionArn) => {
    const task = taskStates(functionArn);
    return sequence(
      functionArn,
      {
        comment: "Pauses the rollout of an OTA release of which too many devices report failures",
        timeoutSeconds: 300,
        first: "Pause the release",
      },
      { "Pause the release": task("pause-release", { End: true }) },
    );
  },
};
