/** What a command of a v3 client shows of its input and output types. */
interface CommandShape<Input, Output> {
  readonly input: Input;
  resolveMiddleware(...parameters: never[]): (...parameters: never[]) => Promise<{ output: Output }>;
}

/** The names of the operations that a client package exports as commands. */
export type OperationName<Module> = {
  [Key in keyof Module]: Key extends `${infer Name}Command` ? Name : never;
}[keyof Module];

type CommandOf<Module, Name extends string> = `${Name}Command` extends keyof Module
  ? Module[`${Name}Command`] extends abstract new (
      ...parameters: never[]
    ) => infer Instance
    ? Instance
    : never
  : never;

/**
 * An input after validation. The clients type a required member as `name: T | undefined` and an optional one as
 * `name?: T | undefined`; the server has refused requests without the former.
 */
export type Validated<Input> = {
  [Key in keyof Input]: Record<never, never> extends Pick<Input, Key> ? Input[Key] : Exclude<Input[Key], undefined>;
};

export type InputOf<Module, Name extends string> =
  CommandOf<Module, Name> extends CommandShape<infer Input, infer _Output> ? Validated<Input> : never;

export type OutputOf<Module, Name extends string> =
  CommandOf<Module, Name> extends CommandShape<infer _Input, infer Output> ? Omit<Output, "$metadata"> : never;

/** Handlers of some of a service's operations, typed by the client package `Module`. */
export type Handlers<Module, Context> = {
  readonly [Name in OperationName<Module>]?: (
    input: InputOf<Module, Name>,
    context: Context,
  ) => OutputOf<Module, Name> | Promise<OutputOf<Module, Name>>;
};
