import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";
import { JsonObject } from "../../shared/json.ts";

/** A key of the device's own and the request for its certificate, in PEM. They never change once they are written. */
const Keys = z.object({ privateKey: z.string(), csr: z.string() });
export type Keys = z.infer<typeof Keys>;

const Credentials = z.object({ privateKey: z.string(), certificatePem: z.string(), certificateId: z.string() });
/** What a device shows for itself. */
export type Credentials = z.infer<typeof Credentials>;

const Identity = Credentials.extend({
  thing: z.string(),
  region: z.string(),
  template: z.string(),
  roleAlias: z.string(),
  endpoints: z.object({ mqtt: z.string(), credentials: z.string(), greengrass: z.string() }),
  rootCa: z.string(),
  /** Where S3 is, if not where AWS has it. */
  s3: z.string().optional(),
});
/** Who the device is, and where it connects. */
export type Identity = z.infer<typeof Identity>;

/** Keys on their way to a certificate, and that when there is one. */
const Next = Keys.extend({ certificate: Credentials.omit({ privateKey: true }).optional() });
export type Next = z.infer<typeof Next>;

const Update = z.object({
  target: z.string(),
  at: z.number(),
  reset: z.array(z.string()).optional(),
  merge: JsonObject.optional(),
});

const Installed = z.object({
  arn: z.string(),
  version: z.string(),
  /** JSON, as the cloud gave it. */
  recipe: z.string(),
  updates: z.array(Update),
  configurationArns: z.array(z.string()),
  isRoot: z.boolean(),
});
export type Installed = z.infer<typeof Installed>;

const Target = z.object({
  deploymentId: z.string(),
  configurationArn: z.string(),
  revision: z.number(),
  components: z.record(z.string(), z.object({ version: z.string() })),
});

const Content = z.object({
  targets: z.record(z.string(), Target),
  components: z.record(z.string(), Installed),
});
/** What the device has, and for whom. */
export type Content = z.infer<typeof Content>;

const State = Content.extend({
  /** What was there before a deployment that has not been decided: a roll-back restores it, after a kill too. */
  undecided: z.object({ deploymentId: z.string(), before: Content }).optional(),
});
export type State = z.infer<typeof State>;

export const EMPTY: State = { targets: {}, components: {} };

const sync = (path: string): void => {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Replaces a file so that after a power cut there is either the old one or the new one, whole. Its owner's alone to read. */
const write = (path: string, text: string): void => {
  const temporary = `${path}.new`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  sync(dirname(path));
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/**
 * What a device keeps below its folder. Everything is replaced whole and on disk when the call returns, so that a device
 * that is killed goes on from one of its own steps.
 */
export const openFolder = (root: string) => {
  mkdirSync(root, { recursive: true, mode: 0o700 });

  const json = <T>(name: string, schema: z.ZodType<T>) => ({
    /** @throws Error for a file that is not what this program writes */
    read: (): T | undefined => {
      const text = read(join(root, name));
      if (text === undefined) return undefined;
      const parsed = schema.safeParse(JSON.parse(text));
      if (!parsed.success) throw new Error(`${join(root, name)} is damaged: ${z.prettifyError(parsed.error)}`);
      return parsed.data;
    },
    write: (value: T): void => write(join(root, name), `${JSON.stringify(value, null, 2)}\n`),
    remove: (): void => rmSync(join(root, name), { force: true }),
  });

  return {
    root,
    identity: json("identity.json", Identity),
    /** The keys of a registration, from before anything is asked for with them until there is an identity. */
    registering: json("registering.json", Keys),
    /** What is to take the identity's certificate's place. */
    next: json("next.json", Next),
    state: json("state.json", State),
    /** Of the last health message. */
    sequence: json("sequence.json", z.int()),
    /** Forgets what a device has, when another takes its place. */
    clear: (): void => {
      for (const name of ["next.json", "state.json", "sequence.json", "packages", "work"])
        rmSync(join(root, name), { recursive: true, force: true });
    },
    artifacts: (component: string, version: string) => join(root, "packages", "artifacts", component, version),
    decompressed: (component: string, version: string) =>
      join(root, "packages", "artifacts-unarchived", component, version),
    work: (component: string) => join(root, "work", component),
    log: (component: string) => join(root, "logs", `${component}.log`),
  };
};
export type Folder = ReturnType<typeof openFolder>;
