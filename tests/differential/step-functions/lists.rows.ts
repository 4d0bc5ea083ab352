import { ExecutionStatus, ListExecutionsCommand } from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { ACCOUNT, api, machineArn, REGION, type SfnRow, unique } from "./world.ts";

const NO_MACHINE = machineArn("none");

export const listRows: readonly SfnRow[] = [
  {
    operation: "ListExecutions",
    when: "a status is asked for",
    send: async ({ client, done }) => {
      await done("fail-state");
      const stateMachineArn = machineArn("fail-state");
      return client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: ExecutionStatus.FAILED }));
    },
    expect: {
      status: 200,
      fields: {
        executions: expect.arrayContaining([
          expect.objectContaining({ status: "FAILED", stateMachineArn: machineArn("fail-state"), redriveCount: 0 }),
        ]),
      },
    },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "there are more than the page takes: the most recent comes first",
    send: async ({ client, begin, ended }) => {
      const names = [unique(), unique()];
      for (const name of names) await ended(await begin("succeed", { in: 1 }, name));
      const answer = await client.send(
        new ListExecutionsCommand({ stateMachineArn: machineArn("succeed"), maxResults: 1 }),
      );
      return { ...answer, newest: answer.executions?.[0]?.name === names[1] };
    },
    expect: { status: 200, fields: { newest: true, nextToken: expect.any(String) } },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "both a machine and a Map Run are asked for",
    send: ({ client }) =>
      client.send(
        new ListExecutionsCommand({
          stateMachineArn: machineArn("pass"),
          mapRunArn: `arn:aws:states:${REGION}:${ACCOUNT}:mapRun:dm-items/each:${unique()}`,
        }),
      ),
    expect: { status: 400, code: "ValidationException" },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "there is no such machine",
    send: ({ client }) => client.send(new ListExecutionsCommand({ stateMachineArn: NO_MACHINE })),
    expect: { status: 400, code: "StateMachineDoesNotExist" },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "the ARN is none",
    send: ({ client }) => client.send(new ListExecutionsCommand({ stateMachineArn: "x" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "the page is larger than 1,000",
    send: ({ client }) =>
      client.send(new ListExecutionsCommand({ stateMachineArn: machineArn("pass"), maxResults: 1001 })),
    expect: { status: 400, code: "ValidationException" },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "the token is not one of the service",
    send: ({ client }) =>
      client.send(new ListExecutionsCommand({ stateMachineArn: machineArn("pass"), nextToken: "nonsense" })),
    expect: { status: 400, code: "InvalidToken" },
    source: api("ListExecutions"),
  },
];
