import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { env } from "../env.ts";
import { executionName, type StoredIntent, workflowInput, workflowOf } from "../intent/intent.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new SFNClient(clientSettings));

/** Starts the workflow of this attempt of the intent; one that was started already is left alone. */
export const startWorkflow = async (intent: StoredIntent): Promise<void> => {
  try {
    await client().send(
      new StartExecutionCommand({
        stateMachineArn: `${env("STATE_MACHINE_PREFIX")}${env("STAGE")}-${workflowOf(intent.kind)}`,
        name: executionName(intent.id, intent.attempt),
        input: JSON.stringify(workflowInput(intent)),
      }),
    );
  } catch (error) {
    if (!isAwsError(error, "ExecutionAlreadyExists")) throw error;
  }
};

export interface Execution {
  readonly status: string;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** The execution of this attempt of the intent, or undefined if there is none. */
export const describeWorkflow = async (intent: StoredIntent): Promise<Execution | undefined> => {
  const machine = `${env("STATE_MACHINE_PREFIX")}${env("STAGE")}-${workflowOf(intent.kind)}`;
  const executionArn = `${machine.replace(":stateMachine:", ":execution:")}:${executionName(intent.id, intent.attempt)}`;
  try {
    const { status, error, cause } = await client().send(new DescribeExecutionCommand({ executionArn }));
    return { status: status ?? "RUNNING", error, cause };
  } catch (error) {
    if (isAwsError(error, "ExecutionDoesNotExist")) return undefined;
    throw error;
  }
};
