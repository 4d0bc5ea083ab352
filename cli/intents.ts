import type { CommonOptions } from "./commands.ts";
import { connect, type WaitOptions } from "./connect.ts";
import { interrupted } from "./interrupted.ts";
import { printIntent } from "./run.ts";

export const waitForIntent = async (id: string, options: CommonOptions & WaitOptions): Promise<void> => {
  const { slipway } = connect(options);
  const intent = await slipway.getIntent({ intent: id, signal: interrupted.signal });
  await printIntent(slipway, intent, options);
};
