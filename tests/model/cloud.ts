import { type Device, type Document, deploy, type Outcome, type Registry } from "./device.ts";

/**
 * What AWS IoT and Greengrass do with thing groups, deployments and jobs, as far as Slipway leans on it: memberships that are
 * read late, executions that turn REMOVED late, a group that was left and joined again delivering or not.
 */

export type Status = "QUEUED" | "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "REJECTED" | "CANCELED" | "REMOVED";

export interface JobExecution {
  readonly group: string;
  readonly revision: number;
  readonly document: Document;
  status: Status;
  updatedAt: number;
  error?: string;
  /** When a queued one turns REMOVED, its thing having left. */
  removedFrom?: number;
}

interface Group {
  readonly members: Set<string>;
  deployment?: Document;
  readonly byToken: Map<string, number>;
}

/** What chance decides: a number below `below`. */
export type Chance = (below: number) => number;

/** How old, in ticks, what is read of memberships may be at most: by Slipway, and by a device. */
export interface Lag {
  readonly read: number;
  readonly device: number;
}

export class Cloud {
  now = 0;
  /** Every call that changed something or asked for it, in order. */
  readonly calls: string[] = [];
  private readonly groups = new Map<string, Group>();
  private readonly memberships = new Map<string, { at: number; groups: readonly string[] }[]>();
  private readonly executions = new Map<string, JobExecution[]>();
  private instants = 0;
  private readonly lag: Lag;
  private readonly chance: Chance;
  private readonly told: (outcome: Outcome, thing: string, job: JobExecution, groups: readonly string[]) => void;

  constructor(lag: Lag, chance: Chance, told: Cloud["told"]) {
    this.lag = lag;
    this.chance = chance;
    this.told = told;
  }

  private group(name: string): Group {
    const group = this.groups.get(name);
    if (group === undefined) throw new Error(`ResourceNotFoundException: ${name}`);
    return group;
  }

  createGroup(name: string): void {
    this.calls.push(`CreateThingGroup ${name}`);
    if (!this.groups.has(name)) this.groups.set(name, { members: new Set(), byToken: new Map() });
  }

  /** Members leave with it, as they do in AWS IoT. */
  deleteGroup(name: string): void {
    this.calls.push(`DeleteThingGroup ${name}`);
    for (const thing of this.groups.get(name)?.members ?? []) this.leave(thing, name);
    this.groups.delete(name);
  }

  hasGroup(name: string): boolean {
    return this.groups.has(name);
  }

  /** The same token again is the same deployment. A new revision cancels the job of the one before. */
  createDeployment(name: string, components: Document["components"], token: string): void {
    this.calls.push(`CreateDeployment ${name} ${token}`);
    const group = this.group(name);
    if (group.byToken.has(token)) return;
    const revision = group.byToken.size + 1;
    group.byToken.set(token, revision);
    group.deployment = { group: name, revision, createdAt: this.now, components };
    for (const list of this.executions.values()) {
      for (const job of list) {
        if (job.group === name && (job.status === "QUEUED" || job.status === "IN_PROGRESS")) this.set(job, "CANCELED");
      }
    }
    for (const thing of group.members) this.queue(thing, group.deployment);
  }

  revisionOf(name: string, token: string): number | undefined {
    return this.groups.get(name)?.byToken.get(token);
  }

  join(thing: string, name: string): void {
    this.calls.push(`AddThingToThingGroup ${thing} ${name}`);
    const group = this.group(name);
    if (group.members.has(thing)) return;
    group.members.add(thing);
    this.remember(thing);
    if (group.deployment === undefined) return;
    const { revision } = group.deployment;
    const before = this.jobs(thing).find((job) => job.group === name && job.revision === revision);
    if (before === undefined) {
      this.queue(thing, group.deployment);
      return;
    }
    delete before.removedFrom;
    // Only what was REMOVED comes again, and that not always.
    if (before.status === "REMOVED" && this.chance(2) === 0) this.set(before, "QUEUED");
  }

  leave(thing: string, name: string): void {
    this.calls.push(`RemoveThingFromThingGroup ${thing} ${name}`);
    const group = this.groups.get(name);
    if (group === undefined || !group.members.delete(thing)) return;
    this.remember(thing);
    for (const job of this.jobs(thing)) {
      if (job.group === name && job.status === "QUEUED") job.removedFrom = this.now + this.chance(3);
    }
    this.removeWhatIsDue();
  }

  /** The groups of a thing as they truly are. */
  groupsOf(thing: string): readonly string[] {
    return this.memberships.get(thing)?.at(-1)?.groups ?? [];
  }

  /** As `ListThingGroupsForThing`, or a device's own question, is answered: how it was, at most so long ago. */
  readGroups(thing: string, who: keyof Lag): readonly string[] {
    const at = this.now - this.chance(this.lag[who] + 1);
    return this.memberships.get(thing)?.findLast((one) => one.at <= at)?.groups ?? [];
  }

  jobs(thing: string): JobExecution[] {
    const known = this.executions.get(thing);
    if (known !== undefined) return known;
    const made: JobExecution[] = [];
    this.executions.set(thing, made);
    return made;
  }

  tick(): void {
    this.now += 1;
    this.removeWhatIsDue();
  }

  /**
   * A device takes the next of its jobs. It may go through it twice, and its word on how it ended may come to nothing, in
   * which case it stays in progress and is taken up again.
   */
  work(thing: string, device: Device, registry: Registry, how: { twice?: boolean; lost?: boolean } = {}): boolean {
    const job = this.jobs(thing).find(({ status }) => status === "QUEUED" || status === "IN_PROGRESS");
    if (job === undefined) return false;
    this.set(job, "IN_PROGRESS");
    for (let times = how.twice === true ? 2 : 1; times > 0; times -= 1) {
      const groups = this.readGroups(thing, "device");
      const outcome = deploy(device, job.document, groups, registry);
      this.told(outcome, thing, job, groups);
      if (how.lost === true) continue;
      this.set(job, outcome.status);
      if (outcome.error !== undefined) job.error = outcome.error;
    }
    return true;
  }

  private queue(thing: string, document: Document): void {
    const { group, revision } = document;
    this.jobs(thing).push({ group, revision, document, status: "QUEUED", updatedAt: this.instant() });
  }

  /** Now, and later than anything before it. */
  private instant(): number {
    this.instants += 1;
    return this.now + this.instants / 1_000_000;
  }

  private set(job: JobExecution, status: Status): void {
    job.status = status;
    job.updatedAt = this.instant();
  }

  private remember(thing: string): void {
    const groups = [...this.groups].filter(([, { members }]) => members.has(thing)).map(([name]) => name);
    const history = this.memberships.get(thing) ?? [];
    history.push({ at: this.now, groups });
    this.memberships.set(thing, history);
  }

  private removeWhatIsDue(): void {
    for (const list of this.executions.values()) {
      for (const job of list) {
        if (job.status === "QUEUED" && job.removedFrom !== undefined && job.removedFrom <= this.now)
          this.set(job, "REMOVED");
      }
    }
  }
}
