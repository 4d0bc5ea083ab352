import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";
import { type DeployContext, deploy, type Outcome, runnables } from "./deploy.ts";
import { type Credentials, EMPTY, type Folder, type Identity, openFolder, type State } from "./folder.ts";
import { healthMessages, type Trigger } from "./health.ts";
import { HttpError, roleCredentials } from "./http.ts";
import { makeKeys } from "./keys.ts";
import { type Link, NoLink, openLink, Rejected } from "./link.ts";
import { provision, RegistrationRefused, register } from "./register.ts";
import { makeRunner, noRunner, type Status } from "./runner.ts";
import { backoffMs, type Log } from "./waiting.ts";

export interface DeviceOptions {
  /** What the device keeps; made when it is not there. */
  readonly dir: string;
  /** For a device that has no identity in its folder yet: the API, such as `https://api.example.com`, and a token for it. */
  readonly registration?:
    | {
        readonly api: string;
        readonly token: string;
        /** Whether to take the place of a device that the folder has. */
        readonly replace?: boolean | undefined;
      }
    | undefined;
  /** Where S3 is, if not where AWS has it; kept with the identity. */
  readonly s3?: string | undefined;
  /** Whether components' scripts are run. */
  readonly run?: boolean | undefined;
  readonly log?: Log | undefined;
  /** Called with each deployment that came to an end and was reported. */
  readonly onDeployment?: ((outcome: Outcome) => void) | undefined;
}

/** Why a device is no more. */
export interface End {
  readonly reason: "stopped" | "registration-refused" | "certificate-refused" | "failed";
  readonly message: string;
}

export interface Device {
  /** The thing that it is, once it is registered and has connected. @throws Error with the end, if that comes first */
  readonly connected: Promise<string>;
  /** Resolves when it is connected and no deployment waits for it. @throws Error with the end, if that comes first */
  readonly idle: () => Promise<void>;
  /**
   * Has the certificate replaced by one for another key, over the connection that it has. The old one is the device's
   * until it has connected with the new one.
   * @throws Rejected, NoLink
   */
  readonly rotate: () => Promise<void>;
  /** Disconnects, and stops what it runs. */
  readonly stop: () => Promise<void>;
  readonly ended: Promise<End>;
}

/** Core devices' deployments are jobs of this namespace. */
const NAMESPACE = "namespace-aws-gg-deployment";
const CADENCE_MS = 86_400_000;
/** So often in a row a server hangs up before it is asked whether it takes the certificate at all. */
const HANG_UPS = 3;

/** The certificate is not taken any more: revoked, or its node deleted. */
class CertificateRefused extends Error {}

const Job = z.object({
  execution: z.object({ jobId: z.string(), status: z.string(), jobDocument: z.unknown() }).optional(),
});

/** The device's credentials are those of one certificate; the rest of its identity stays. */
const withCredentials = (identity: Identity, { privateKey, certificatePem, certificateId }: Credentials): Identity => ({
  ...identity,
  privateKey,
  certificatePem,
  certificateId,
});

/** Something that is waited for by many, again and again. */
const makeBell = () => {
  let bell = Promise.withResolvers<void>();
  return {
    ring: (): void => {
      bell.resolve();
      bell = Promise.withResolvers();
    },
    rung: (): Promise<void> => bell.promise,
  };
};

/**
 * A Greengrass core device in software: it registers, keeps its identity and its state below its folder, connects, takes
 * deployments, and says what became of them. It knows the cloud by the wires alone that AWS has for devices. One process
 * can have many.
 */
export const startDevice = (options: DeviceOptions): Device => {
  const { log = () => undefined } = options;
  const folder: Folder = openFolder(options.dir);
  const stopping = new AbortController();
  const { signal } = stopping;
  const connected = Promise.withResolvers<string>();
  connected.promise.catch(() => undefined); // who does not wait for it is told by `ended`
  const changed = makeBell();
  let state: State = folder.state.read() ?? EMPTY;
  let identity: Identity | undefined = folder.identity.read();
  let link: Link | undefined;
  let launched = false;
  /** Whether something may wait for the device that it has not asked for yet. */
  let pending = true;
  let working = false;
  let rotating: Promise<void> = Promise.resolve();

  const setState = (next: State): void => {
    folder.state.write(next);
    state = next;
  };

  const known = (): Identity => {
    if (identity === undefined) throw new Error("the device is not registered");
    return identity;
  };

  const runner = options.run
    ? makeRunner((name, status) => {
        log("component", { component: name, status });
        tellChanges();
      }, log)
    : noRunner;

  const lost = (error: unknown): void => log("a report was lost", { error: String(error) });

  /** What was last told of each component. */
  const told = new Map<string, Status>();

  /** Tells of components that are not what was told of them. A deployment tells of its own when it has come to its end. */
  const tellChanges = (): void => {
    if (link === undefined || working) return;
    const names = Object.keys(state.components).filter((name) => runner.status(name) !== told.get(name));
    if (names.length === 0) return;
    const statuses = names.map(runner.status);
    const trigger = statuses.includes("BROKEN")
      ? "BROKEN_COMPONENT"
      : statuses.includes("ERRORED")
        ? "ERRORED_COMPONENT"
        : "COMPONENT_STATUS_CHANGE";
    report(link, { trigger, names }).catch(lost);
  };

  /** Tells how the device is. @throws NoLink */
  const report = async (
    to: Link,
    about: { readonly trigger: Trigger; readonly deployment?: Outcome; readonly names?: readonly string[] },
  ): Promise<void> => {
    const { thing } = known();
    const sequenceNumber = (folder.sequence.read() ?? 0) + 1;
    folder.sequence.write(sequenceNumber);
    for (const name of about.names ?? Object.keys(state.components)) told.set(name, runner.status(name));
    const messages = healthMessages({
      ...about,
      thing,
      content: state,
      statusOf: runner.status,
      sequenceNumber,
      timestamp: Date.now(),
    });
    for (const message of messages) await to.publish(`$aws/things/${thing}/greengrassv2/health/json`, message);
  };

  /** @returns false for a job that is not this device's to decide any more */
  const update = async (to: Link, jobId: string, status: string, outcome?: Outcome): Promise<boolean> => {
    const statusDetails = outcome && {
      "detailed-deployment-status": outcome.detailedStatus,
      // AWS IoT takes 1,024 characters of a value.
      ...(outcome.failureCause !== undefined && { "deployment-failure-cause": outcome.failureCause.slice(0, 1_024) }),
      ...(outcome.errorStack.length > 0 && {
        "deployment-error-stack": JSON.stringify(outcome.errorStack),
        "deployment-error-types": JSON.stringify(outcome.errorTypes),
      }),
    };
    try {
      await to.ask(`$aws/things/${known().thing}/jobs/${jobId}/${NAMESPACE}/update`, {
        status,
        ...(statusDetails && { statusDetails }),
      });
      return true;
    } catch (error) {
      if (
        !(error instanceof Rejected) ||
        !["InvalidStateTransition", "ResourceNotFound", "TerminalStateReached"].includes(error.code)
      )
        throw error;
      log("the job has ended without this device", { job: jobId, error: error.message });
      return false;
    }
  };

  const context = (): DeployContext => ({
    identity: known(),
    folder,
    state: () => state,
    setState,
    runner,
    signal,
    log,
  });

  /** One deployment after the other, until none waits. @throws NoLink */
  const work = async (on: Link): Promise<void> => {
    for (;;) {
      pending = false;
      const { execution } = Job.parse(
        await on.ask(`$aws/things/${known().thing}/jobs/$next/${NAMESPACE}/get`, { includeJobDocument: true }),
      );
      if (execution === undefined) return;
      const { jobId, jobDocument } = execution;
      if (!(await update(on, jobId, "IN_PROGRESS"))) continue;
      log("deployment", { job: jobId });
      const outcome = await deploy(context(), jobDocument);
      log("deployed", { job: jobId, status: outcome.status, errors: outcome.errorStack, cause: outcome.failureCause });
      await report(on, { trigger: "THING_GROUP_DEPLOYMENT", deployment: outcome });
      if (await update(on, jobId, outcome.status, outcome)) options.onDeployment?.(outcome);
    }
  };

  /** Lets nobody do the work beside another: a deployment outlasts the connection that it came by. */
  const attend = async (): Promise<void> => {
    if (working) return;
    working = true;
    try {
      while (pending && link !== undefined && !signal.aborted) {
        const on = link;
        try {
          await work(on);
        } catch (error) {
          pending = true;
          if (!(error instanceof NoLink)) throw error;
          if (link === on) return; // the next connection asks again
        }
      }
    } finally {
      working = false;
      tellChanges();
      changed.ring();
    }
  };

  const poke = (): void => {
    pending = true;
    attend().catch((error: unknown) => {
      if (!signal.aborted) finish("failed", error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  };

  const open = (of: Identity): Promise<Link> =>
    openLink({
      address: of.endpoints.mqtt,
      ca: of.rootCa,
      certificatePem: of.certificatePem,
      privateKey: of.privateKey,
      clientId: of.thing,
      onMessage: (topic) => {
        if (topic.includes("/jobs/notify")) poke();
      },
    });

  /** Makes a connection the device's. @throws NoLink */
  const adopt = async (fresh: Link): Promise<void> => {
    const { thing } = known();
    const jobs = `$aws/things/${thing}/jobs`;
    await fresh.subscribe([
      `${jobs}/notify-next-${NAMESPACE}`,
      `${jobs}/notify-${NAMESPACE}`,
      ...["accepted", "rejected"].flatMap((verdict) => [
        `${jobs}/$next/${NAMESPACE}/get/${verdict}`,
        `${jobs}/+/${NAMESPACE}/update/${verdict}`,
      ]),
    ]);
    await report(fresh, { trigger: launched ? "RECONNECT" : "NUCLEUS_LAUNCH" });
    launched = true;
    link = fresh;
    log("connected", { thing });
    connected.resolve(thing);
    changed.ring();
    poke();
  };

  /** From now on the device is known by what has taken the place of its certificate. */
  const promote = (next: Identity): void => {
    folder.identity.write(next);
    folder.next.remove();
    identity = next;
    log("the certificate was replaced", { certificate: next.certificateId });
  };

  /** A connection with the certificate that is to follow, if there is one that is taken, or with the one that is. */
  const openAny = async (): Promise<Link> => {
    const next = folder.next.read();
    if (next?.certificate === undefined) return open(known());
    const following = withCredentials(known(), { privateKey: next.privateKey, ...next.certificate });
    try {
      const fresh = await open(following);
      promote(following);
      return fresh;
    } catch (error) {
      if (!(error instanceof NoLink) || !error.refused) throw error;
      const fresh = await open(known());
      folder.next.remove(); // the old one is taken and the new one is not: it never was
      return fresh;
    }
  };

  /** Asks what a hang-up may mean. @throws CertificateRefused */
  const checkCertificate = async (): Promise<void> => {
    try {
      await roleCredentials(known());
    } catch (error) {
      if (error instanceof HttpError && error.status === 403)
        throw new CertificateRefused(
          "AWS IoT does not take this device's certificate: it is revoked, or the node is deleted",
        );
      log("the certificate could not be checked", { error: String(error) });
    }
  };

  /** Is connected for as long as the device lives. @throws CertificateRefused, AbortError */
  const stayConnected = async (): Promise<never> => {
    let hangUps = 0;
    for (let tries = 1; ; tries += 1) {
      signal.throwIfAborted();
      try {
        const fresh = await openAny();
        await adopt(fresh).catch(async (error: unknown) => {
          await fresh.end();
          throw error;
        });
        tries = 0;
        hangUps = 0;
        // A rotation puts another in its place.
        for (let on = link; on !== undefined; ) {
          const error = await on.closed;
          await rotating.catch(() => undefined); // who asked for it hears of it
          if (link === on) {
            link = undefined;
            throw error;
          }
          on = link;
        }
      } catch (error) {
        if (!(error instanceof NoLink)) throw error;
        link = undefined;
        if (signal.aborted) continue;
        hangUps = error.refused ? hangUps + 1 : 0;
        log("not connected", { error: error.message, tries });
        if (hangUps >= HANG_UPS) {
          hangUps = 0;
          await checkCertificate();
        }
      }
      await pause(backoffMs(Math.max(1, tries)), undefined, { signal });
    }
  };

  const rotateOnce = async (): Promise<void> => {
    const on = link;
    if (on === undefined) throw new NoLink("the device is not connected", false);
    const begun = folder.next.read();
    const { privateKey, csr } = begun === undefined || begun.certificate !== undefined ? await makeKeys() : begun;
    const keys = { privateKey, csr };
    folder.next.write(keys);
    const { template, thing } = known();
    const { certificateId, certificatePem } = await provision(on, template, keys, { ThingName: thing });
    folder.next.write({ ...keys, certificate: { certificateId, certificatePem } });
    const following = withCredentials(known(), { privateKey: keys.privateKey, certificateId, certificatePem });
    // The same client: AWS IoT ends the connection before it, once this one is open.
    const fresh = await open(following);
    promote(following);
    await adopt(fresh);
  };

  const { promise: ended, resolve: end } = Promise.withResolvers<End>();
  let finishing: Promise<void> | undefined;

  const finish = (reason: End["reason"], message: string): Promise<void> => {
    finishing ??= (async () => {
      stopping.abort();
      clearInterval(cadence);
      connected.reject(new Error(message));
      const last = link;
      link = undefined;
      await runner.stop();
      await last?.end();
      log("ended", { reason, message });
      end({ reason, message });
      changed.ring();
    })();
    return finishing;
  };

  const cadence = setInterval(() => {
    if (link !== undefined) report(link, { trigger: "CADENCE" }).catch(lost);
  }, CADENCE_MS);

  const live = async (): Promise<void> => {
    const { registration, s3 } = options;
    if (identity === undefined || registration?.replace === true) {
      if (registration === undefined)
        throw new RegistrationRefused(`there is no device in ${options.dir}: give a registration token`);
      identity = await register(folder, { ...registration, s3, signal, log });
      state = EMPTY;
      log("registered", { thing: identity.thing, certificate: identity.certificateId });
    } else if (s3 !== undefined && s3 !== identity.s3) {
      identity = { ...identity, s3 };
      folder.identity.write(identity);
    }
    // What ran before a kill runs again before anything new is done.
    working = true;
    const started = runner.apply(runnables(identity, folder, state)).then(() => {
      working = false;
      poke();
    });
    await Promise.all([started, stayConnected()]);
  };

  live().catch((error: unknown) => {
    if (signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof RegistrationRefused) void finish("registration-refused", message);
    else if (error instanceof CertificateRefused) void finish("certificate-refused", message);
    else void finish("failed", error instanceof Error ? (error.stack ?? message) : message);
  });

  return {
    connected: connected.promise,
    ended,
    idle: async () => {
      await connected.promise;
      while (working || pending || link === undefined) {
        if (signal.aborted) throw new Error((await ended).message);
        await changed.rung();
      }
    },
    rotate: () => {
      // Who asked for the one before was told how it went.
      rotating = rotating.catch(() => undefined).then(rotateOnce);
      return rotating;
    },
    stop: () => finish("stopped", "the device was stopped"),
  };
};
