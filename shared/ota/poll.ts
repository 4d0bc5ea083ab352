/** How long devices are asked to wait between polls, where their workspace does not say otherwise. */
export const POLL_SECONDS = 3_600;
