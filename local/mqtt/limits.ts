/**
 * What AWS IoT Core bounds, from its quotas: https://docs.aws.amazon.com/general/latest/gr/iot-core.html (message broker
 * and protocol limits). Sizes are in bytes.
 */
export const MAX_CLIENT_ID = 128;
export const MAX_TOPIC = 256;
export const MAX_SLASHES = 7;
export const MAX_PAYLOAD = 128 * 1024;
/** The Maximum Packet Size in AWS IoT's CONNACK: 128 KB of payload and what stands around it. */
export const MAX_PACKET = 149_504;
export const MAX_FILTERS_PER_SUBSCRIBE = 8;
export const MAX_SUBSCRIPTIONS = 50;
export const MAX_TOPIC_ALIASES = 8;
/** Of publications with QoS 1 that wait for their PUBACK, in either direction. */
export const MAX_UNACKNOWLEDGED = 100;
export const MAX_RETAINED = 5_000;
export const MAX_SESSION_EXPIRY_SECONDS = 3_600;
/** A keep alive of 0 or more than the longest is the longest; less than the shortest is the shortest. */
export const KEEP_ALIVE_SECONDS = { min: 30, max: 1_200 } as const;

/** Ours: how long a connection may take to say CONNECT. */
export const CONNECT_WITHIN_MS = 10_000;
/** Ours: messages that are stored for one persistent session. What comes on top is dropped, as past AWS's account limit. */
export const MAX_STORED_MESSAGES = 1_000;
/** Ours: bytes that wait in a socket for a slow client; what has QoS 0 is dropped then, and QoS 1 waits. */
export const MAX_WAITING_BYTES = 1024 * 1024;
