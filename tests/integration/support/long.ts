/** Whether this is `npm run test:long`, which runs every row of tables of which `npm test` has those that differ most. */
export const isLong = process.env.SLIPWAY_LONG !== undefined;
