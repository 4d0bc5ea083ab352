let calls = 0;

/** Says how often this module was called: on AWS, by this execution environment. */
export const handler = async (): Promise<number> => {
  calls += 1;
  return calls;
};
