import { sequence, taskStates, type Workflow } from "./asl.ts";

export const certificateRevoke: Workflow = {
  name: "certificate-revoke",
  definition: (functionArn) =>
    sequence(
      functionArn,
      {
        comment: "Revokes a certificate of a node, ends its connections and deletes it",
        timeoutSeconds: 600,
        first: "Revoke the certificate",
      },
      { "Revoke the certificate": taskStates(functionArn)("revoke-certificate", { End: true }) },
    ),
};
