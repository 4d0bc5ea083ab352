/**
 * Spreads calls evenly over time, from the first on: whoever wants to make some takes a turn.
 * @param perSecond how many calls a second
 * @returns takes a turn for so many calls at a time in milliseconds, and says how many milliseconds to wait before them
 */
export const paced = (perSecond: number): ((calls: number, now: number) => number) => {
  let free = Number.NEGATIVE_INFINITY;
  return (calls, now) => {
    const turn = Math.max(free, now);
    free = turn + (calls * 1_000) / perSecond;
    return turn - now;
  };
};
