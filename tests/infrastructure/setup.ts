import { installPlatform } from "./platform.ts";

/** Before all tests, once. Where it fails, the tests of the infrastructure fail and say so, and no others. */
export const setup = async (): Promise<void> => {
  try {
    await installPlatform();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
  }
};
