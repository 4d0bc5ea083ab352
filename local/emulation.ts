/** Where the embedded cloud and AWS differ in what a service does. */
export interface Difference {
  /** The operation, or the matter: `CreateThing`, `throttling`. */
  readonly of: string;
  /** What AWS does. */
  readonly aws: string;
  /** What the embedded cloud does. */
  readonly here: string;
}

/** What a stand-in does of its service: docs/EMBEDDED-CLOUD.md is made of these. */
export interface Emulation {
  /** AWS's name of the service. */
  readonly service: string;
  /** The SDK package whose commands are the service's operations; undefined where there is none. */
  readonly client: string | undefined;
  /** The operations that are answered, by their SDK names. */
  readonly operations: readonly string[];
  /** What all others get; 501 if it is not given. */
  readonly otherwise?: string;
  readonly differences: readonly Difference[];
}
