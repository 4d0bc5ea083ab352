import { isDeepStrictEqual } from "node:util";
import { cellKey, DEFAULT_RUNTIME, type Runtime, targetsOfNode } from "../../shared/deployment/cell.ts";
import {
  emptyDeployment,
  type KeptRevision,
  type StoredDeployment,
  settingsOf,
} from "../../shared/deployment/deployment.ts";
import { type DeploymentEdit, edited } from "../../shared/deployment/edit.ts";
import { layerOf } from "../../shared/deployment/layers.ts";
import {
  type CellSet,
  cellContent,
  cellHash,
  type DeploymentContent,
  isDeliverable,
  resolver,
} from "../../shared/deployment/resolve.ts";
import {
  type CellFacts,
  type CellRef,
  generationFor,
  joined,
  joining,
  left,
  type NodeAction,
  type NodeProgress,
  nextForCell,
  nextForNode,
  renewed,
  sameCell,
  towards,
} from "../../shared/deployment/steps.ts";
import type { VersionFacts } from "../../shared/deployment/versions.ts";
import { type Chance, Cloud } from "./cloud.ts";
import { type Device, type Document, newDevice, type Registry } from "./device.ts";

/** How old what is read of memberships may be, in ticks. */
export const LAG = 3;
const LIMITS = { lagMs: LAG + 1, executionMs: 6, renewals: 50 };
const NOW = new Date(0);

interface Node {
  readonly id: string;
  readonly runtime: Runtime;
  groups: readonly string[];
  ownDeployment: boolean;
}

/** A generation of a cell, as Slipway has it in its table. */
interface Cell {
  readonly ref: CellRef;
  readonly targets: readonly string[];
  readonly runtime: Runtime;
  created: boolean;
  removing?: true;
  delivered?: { hash: string; sequence: number; at: number; content: DeploymentContent };
  pending?: { hash: string; sequence: number };
}

const nameOf = ({ key, generation }: CellRef): string => `${key}-${generation}`;

const refOf = (name: string): CellRef => {
  const [key = "", generation] = name.split("-");
  return { key, generation: Number(generation) };
};

const documentOf = (content: DeploymentContent): Document["components"] =>
  Object.fromEntries(
    Object.entries(content).map(([name, { componentVersion, configurationUpdate }]) => [
      name,
      {
        version: componentVersion,
        ...(configurationUpdate?.merge !== undefined && {
          merge: JSON.parse(configurationUpdate.merge) as Record<string, unknown>,
        }),
        ...(configurationUpdate?.reset !== undefined && { reset: configurationUpdate.reset }),
      },
    ]),
  );

export class Violation extends Error {}

/** How a step is cut short: before or after the call that it makes, or not at all. */
export type Crash = "before-call" | "after-call" | "none";

/**
 * A fleet: what is wanted, the steps of `steps.ts` as a workflow would take them, AWS and the devices as modelled. Whatever
 * must never be is looked for at every step.
 */
export class World {
  readonly story: string[] = [];
  readonly cloud: Cloud;
  readonly devices = new Map<string, Device>();
  readonly nodes = new Map<string, Node>();
  readonly deployments = new Map<string, StoredDeployment>();
  readonly revisions = new Map<string, KeptRevision[]>();
  private published: Record<string, VersionFacts[]> = {};
  private catalogue = 0;
  private readonly registry = new Map<string, Map<string, Record<string, string>>>();
  private readonly cells = new Map<string, Cell>();
  private readonly lastGeneration = new Map<string, number>();
  private readonly progress = new Map<string, NodeProgress>();
  private sets: ReadonlyMap<string, CellSet> = new Map();
  /** Until a deployment or what is published changes. */
  private readonly resolved = new Map<string, CellSet>();
  private readonly chance: Chance;

  /** @param deviceLag how old, in ticks, what a device is told of its groups may be at most */
  constructor(chance: Chance, deviceLag: number = LAG) {
    this.chance = chance;
    this.cloud = new Cloud({ read: LAG, device: deviceLag }, chance, ({ status, merged }, thing, job, groups) => {
      this.story.push(`device ${thing} takes ${job.group} revision ${job.revision}, told of [${groups}]: ${status}`);
      const truth = this.cloud.groupsOf(thing);
      if (status === "FAILED" && merged.every((group) => truth.includes(group)))
        throw new Violation(`${thing} was reached by deployments that disagree: ${merged}`);
    });
  }

  // --- what people do ---

  addGroup(id: string): void {
    this.story.push(`group ${id} is made`);
    this.keep(emptyDeployment("ws_1", { type: "node-group", id, name: id }, this.catalogue, NOW));
    const key = cellKey([id], DEFAULT_RUNTIME);
    this.makeCell({ key, generation: 1 }, [id], DEFAULT_RUNTIME);
    this.resolveAll();
  }

  publish(component: string, version: string, dependencies: Record<string, string>): void {
    const versions = this.registry.get(component) ?? new Map<string, Record<string, string>>();
    if (versions.has(version)) return;
    this.story.push(`${component} ${version} is published`);
    this.registry.set(component, versions.set(version, dependencies));
    this.catalogue += 1;
    const facts: VersionFacts = {
      version,
      catalogueNumber: this.catalogue,
      dependencies: Object.fromEntries(
        Object.entries(dependencies).map(([name, requirement]) => [name, { requirement, type: "HARD" as const }]),
      ),
    };
    this.published = { ...this.published, [component]: [...(this.published[component] ?? []), facts] };
    this.resolved.clear();
    this.changing("a publication", () => undefined, new Set());
  }

  addNode(id: string, groups: readonly string[], runtime: Runtime): void {
    this.attempt(`node ${id} (${runtime}) is added to [${groups}]`, new Set(), () => {
      this.nodes.set(id, { id, runtime, groups: [...groups].sort(), ownDeployment: false });
    });
    if (this.nodes.has(id) && !this.devices.has(id)) this.devices.set(id, newDevice(runtime));
  }

  edit(target: string, edit: DeploymentEdit, touched: ReadonlySet<string>): void {
    const before = this.deployments.get(target);
    if (before === undefined) return;
    const { edit: kind, ...what } = edit;
    this.attempt(
      `deployment of ${target}: ${kind} ${JSON.stringify(what)}`,
      touched,
      () => this.keep(edited(before, edit, { catalogue: this.catalogue, now: NOW })),
      target,
    );
  }

  /** Membership moves: the node itself may change in every way. */
  move(id: string, groups: readonly string[], ownDeployment?: boolean): void {
    const node = this.nodes.get(id);
    if (node === undefined) return;
    const own = ownDeployment ?? node.ownDeployment;
    this.attempt(
      `node ${id} moves to [${groups}]${own ? ", with its own deployment" : ""}`,
      undefined,
      () => this.nodes.set(id, { ...node, groups: [...groups].sort(), ownDeployment: own }),
      id,
    );
  }

  /** A deployment of the node's own is put on it, or lifted. */
  override(id: string, on: boolean): void {
    const node = this.nodes.get(id);
    if (node === undefined || node.ownDeployment === on) return;
    this.attempt(
      `node ${id} ${on ? "gets a deployment of its own" : "loses its own deployment"}`,
      undefined,
      () => {
        if (on && !this.deployments.has(id))
          this.keep(emptyDeployment("ws_1", { type: "node", id, name: id }, this.catalogue, NOW));
        this.nodes.set(id, { ...node, ownDeployment: on });
      },
      id,
    );
  }

  // --- what Slipway does ---

  /** Whoever may have something to do. */
  actors(): string[] {
    return [...this.cells.keys(), ...this.nodes.keys()];
  }

  /** One step for a cell or a node. @returns whether anything was done */
  step(actor: string, crash: Crash): boolean {
    const cell = this.cells.get(actor);
    const done = cell === undefined ? this.stepNode(actor, crash) : this.stepCell(cell, crash);
    for (const thing of this.nodes.keys()) {
      const groups = this.cloud.groupsOf(thing);
      if (groups.length > 1) throw new Violation(`${thing} is in two cells: ${groups}`);
    }
    return done;
  }

  private stepCell(cell: Cell, crash: Crash): boolean {
    const name = nameOf(cell.ref);
    const wanted = [...this.nodes.values()].filter((node) => this.keyOf(node) === cell.ref.key);
    const nodes = [...this.progress].filter(
      ([, { cell: to, mayBeIn }]) => sameCell(to, cell.ref) || mayBeIn.some((one) => sameCell(one, cell.ref)),
    ).length;
    const older = [...this.cells.values()].some(
      ({ ref, removing }) => ref.key === cell.ref.key && ref.generation < cell.ref.generation && removing === undefined,
    );
    const [first = ""] = cell.targets;
    const isGroups =
      cell.ref.key === cellKey([first], DEFAULT_RUNTIME) && this.deployments.get(first)?.target.type === "node-group";
    const kept = isGroups && !older;
    const facts: CellFacts = { ...cell, nodes, kept };
    const set = this.setOf(cell.targets, cell.runtime);
    const asked = wanted.length > 0 || kept;
    const wish = isDeliverable(set) ? { hash: cellHash(set) } : { undeliverable: "unresolved" };
    const action = nextForCell(facts, asked ? wish : undefined);
    const call = (what: string, perform: () => void): boolean => {
      this.story.push(`cell ${name}: ${what}${crash === "none" ? "" : `, crashed ${crash}`}`);
      if (crash !== "before-call") perform();
      return crash === "none";
    };
    switch (action.do) {
      case "create":
        if (call("create", () => this.cloud.createGroup(name))) cell.created = true;
        return true;
      case "deliver": {
        const { hash, sequence } = action;
        const content = cellContent(set);
        cell.pending = { hash, sequence };
        const token = `${name}-${sequence}`;
        if (
          call(`deliver ${JSON.stringify(documentOf(content))}`, () =>
            this.cloud.createDeployment(name, documentOf(content), token),
          )
        ) {
          cell.delivered = { hash, sequence, at: this.cloud.now, content };
          delete cell.pending;
        }
        return true;
      }
      case "remove":
        cell.removing = true;
        if (call("remove", () => this.cloud.deleteGroup(name))) this.cells.delete(name);
        return true;
      case "blocked":
        throw new Violation(`${name} cannot be delivered, though every edit was looked at`);
      case "settled":
        return false;
    }
  }

  private stepNode(id: string, crash: Crash): boolean {
    const node = this.nodes.get(id);
    if (node === undefined) return false;
    const progress = this.progressOf(node);
    const cell = this.cells.get(nameOf(progress.cell));
    const executions = this.executionsOf(id);
    const device = this.devices.get(id);
    const seen = {
      memberOf: this.cloud.readGroups(id, "read").map(refOf),
      executions,
      delivered: cell?.delivered,
      delivering: cell?.pending !== undefined,
      runsIt: cell?.delivered && device && runs(device, cell.delivered.content),
    };
    const action = nextForNode(progress, seen, LIMITS, this.cloud.now);
    const call = (what: string, perform: () => void): boolean => {
      this.story.push(`node ${id}: ${what}${crash === "none" ? "" : `, crashed ${crash}`}`);
      if (crash !== "before-call") perform();
      return crash === "none";
    };
    return this.perform(node, progress, action, call);
  }

  private perform(
    node: Node,
    progress: NodeProgress,
    action: NodeAction,
    call: (what: string, perform: () => void) => boolean,
  ): boolean {
    const { id } = node;
    switch (action.do) {
      case "prepare":
        if (!this.cells.has(nameOf(action.cell))) {
          this.makeCell(action.cell, targetsOfNode(node), node.runtime);
          return true;
        }
        return false; // the cell's own steps bring it on
      case "leave":
        for (const cell of action.cells) {
          if (!call(`leave ${nameOf(cell)}`, () => this.cloud.leave(id, nameOf(cell)))) return true;
          this.progress.set(id, left(this.progress.get(id) ?? progress, [cell], this.cloud.now));
        }
        return true;
      case "join":
        this.progress.set(id, joining(progress));
        if (call(`join ${nameOf(action.cell)}`, () => this.cloud.join(id, nameOf(action.cell))))
          this.progress.set(id, joined(progress, this.cloud.now));
        return true;
      case "renew": {
        const fresh = this.generationOf(progress.cell.key, id, progress.cell.generation);
        this.story.push(`node ${id}: fresh generation ${nameOf(fresh)}, since ${action.reason}`);
        this.progress.set(id, renewed(progress, fresh));
        return true;
      }
      case "failed":
        throw new Violation(`${id} was given up: ${action.status} ${action.error}`);
      case "wait":
      case "settled":
        return false;
    }
  }

  private makeCell(ref: CellRef, targets: readonly string[], runtime: Runtime): void {
    this.cells.set(nameOf(ref), { ref, targets, runtime, created: false });
    this.lastGeneration.set(ref.key, Math.max(this.lastGeneration.get(ref.key) ?? 0, ref.generation));
  }

  private keyOf(node: Node): string {
    return cellKey(targetsOfNode(node), node.runtime);
  }

  private generationOf(key: string, id: string, avoid?: number): CellRef {
    const generations = [...this.cells.values()]
      .filter(({ ref, removing }) => ref.key === key && removing === undefined)
      .map(({ ref, delivered }) => ({ generation: ref.generation, sequence: delivered?.sequence }));
    return generationFor(key, generations, this.lastGeneration.get(key) ?? 0, this.executionsOf(id), avoid);
  }

  private progressOf(node: Node): NodeProgress {
    const before = this.progress.get(node.id);
    const key = this.keyOf(node);
    if (before?.cell.key === key) return before;
    const next = towards(before, this.generationOf(key, node.id));
    this.progress.set(node.id, next);
    return next;
  }

  private executionsOf(id: string) {
    return this.cloud.jobs(id).map(({ group, revision, status, updatedAt, error }) => ({
      cell: refOf(group),
      sequence: this.sequenceOf(group, revision),
      status,
      updatedAt,
      error,
    }));
  }

  /** Revisions are counted as sequences are, but for a sequence whose delivery never reached Greengrass. */
  private sequenceOf(group: string, revision: number): number {
    for (let sequence = revision; ; sequence += 1) {
      if (this.cloud.revisionOf(group, `${group}-${sequence}`) === revision) return sequence;
      if (sequence > revision + 100) return 0; // of a group that is gone
    }
  }

  // --- what is wanted ---

  private keep(deployment: StoredDeployment): void {
    this.deployments.set(deployment.id, deployment);
    this.resolved.clear();
    const { revision, priority, catalogue, components } = deployment;
    const kept = { revision, priority, catalogue, components, ...settingsOf(deployment), requestedBy: "ann", at: "" };
    this.revisions.set(deployment.id, [...(this.revisions.get(deployment.id) ?? []), kept]);
  }

  private setOf(targets: readonly string[], runtime: Runtime): CellSet {
    const name = `${runtime} ${targets.join(" ")}`;
    const known = this.resolved.get(name);
    if (known !== undefined) return known;
    const layers = targets.flatMap((target) => {
      const deployment = this.deployments.get(target);
      return deployment === undefined ? [] : [layerOf(deployment)];
    });
    const set = resolver(this.published).set(layers, runtime);
    this.resolved.set(name, set);
    return set;
  }

  /** What each node must run now. */
  effectiveSets(): ReadonlyMap<string, CellSet> {
    return new Map([...this.nodes.values()].map((node) => [node.id, this.setOf(targetsOfNode(node), node.runtime)]));
  }

  private resolveAll(): void {
    this.sets = this.effectiveSets();
  }

  /** Does what is asked for, or takes it back where some node's set could not be delivered then, as the API would refuse it. */
  private attempt(
    what: string,
    touched: ReadonlySet<string> | undefined,
    change: () => unknown,
    subject?: string,
  ): void {
    const [nodes, deployments] = [new Map(this.nodes), new Map(this.deployments)];
    const revisions = new Map(this.revisions);
    change();
    const groupsDeliver = [...this.deployments.values()]
      .filter(({ target }) => target.type === "node-group")
      .every(({ id }) => isDeliverable(this.setOf([id], DEFAULT_RUNTIME)));
    if (!groupsDeliver || ![...this.effectiveSets().values()].every(isDeliverable)) {
      restore(this.nodes, nodes);
      restore(this.deployments, deployments);
      this.resolved.clear();
      restore(this.revisions, revisions);
      return;
    }
    this.story.push(what);
    this.changing(what, subject, touched);
  }

  /**
   * Nothing may have changed that nobody asked for.
   *
   * @param touched components that an edit may change where its target reaches; undefined for a node's own move
   */
  private changing(what: string, subject: unknown, touched: ReadonlySet<string> | undefined): void {
    const before = this.sets;
    this.resolveAll();
    for (const [id, after] of this.sets) {
      const earlier = before.get(id);
      const node = this.nodes.get(id);
      if (earlier === undefined || node === undefined) continue; // a new node
      if (touched === undefined && id === subject) continue;
      const reached = typeof subject === "string" && targetsOfNode(node).includes(subject);
      const names = new Set([...earlier.components.keys(), ...after.components.keys()]);
      for (const name of names) {
        if (reached && touched?.has(name)) continue;
        if (earlier.components.get(name)?.text !== after.components.get(name)?.text)
          throw new Violation(`${what} changed ${name} on ${id}, which nobody asked for`);
      }
    }
  }

  // --- how it ends ---

  /** Everybody works until there is nothing left to do. @returns whether that came about */
  settle(rounds = 400): boolean {
    this.story.push("everybody goes on until there is nothing left to do");
    for (let round = 0, quiet = 0; round < rounds; round += 1) {
      const waits = [...this.nodes.keys()].some((id) => this.waits(id));
      let busy = false;
      const actors = this.actors();
      for (const offset = this.chance(actors.length + 1); actors.length > 0; ) {
        const [actor] = actors.splice(offset % actors.length, 1);
        if (actor !== undefined && this.step(actor, "none")) busy = true;
      }
      for (const [id, device] of this.devices) if (this.cloud.work(id, device, this.registry)) busy = true;
      this.cloud.tick();
      quiet = busy || waits ? 0 : quiet + 1;
      if (quiet > LAG + 2) return true;
    }
    return false;
  }

  private waits(id: string): boolean {
    const node = this.nodes.get(id);
    const content = node && this.cells.get(nameOf(this.progressOf(node).cell))?.delivered?.content;
    const device = this.devices.get(id);
    return content === undefined || device === undefined || !runs(device, content);
  }

  work(id: string, how: { twice?: boolean; lost?: boolean }): void {
    const device = this.devices.get(id);
    if (device !== undefined) this.cloud.work(id, device, this.registry, how);
  }

  /** Every device must run exactly its effective set by now. */
  checkDevices(): void {
    for (const [id, set] of this.effectiveSets()) {
      const device = this.devices.get(id);
      const wanted = Object.fromEntries([...set.components].map(([name, { facts }]) => [name, facts.version]));
      const has = Object.fromEntries(device?.installed ?? []);
      if (!isDeepStrictEqual(sorted(wanted), sorted(has)))
        throw new Violation(`${id} runs ${JSON.stringify(sorted(has))} and should ${JSON.stringify(sorted(wanted))}`);
    }
  }

  /** And each component must have the configuration that was layered for it. */
  checkConfigurations(): void {
    for (const [id, set] of this.effectiveSets()) {
      const device = this.devices.get(id);
      for (const [name, { merge = {} }] of Object.entries(documentOf(cellContent(set)))) {
        for (const [key, value] of Object.entries(merge)) {
          if (!isDeepStrictEqual(device?.configuration.get(name)?.[key] ?? null, value))
            throw new Violation(`${id}: ${name} has not ${key} = ${JSON.stringify(value)}`);
        }
      }
    }
  }

  /** All over again makes no call. */
  checkIdle(): void {
    const before = this.cloud.calls.length;
    for (const actor of this.actors()) this.step(actor, "none");
    const made = this.cloud.calls.slice(before);
    if (made.length > 0) throw new Violation(`with nothing to do, calls were made: ${made.join(", ")}`);
  }

  /** The registry, for who looks at it. */
  get registered(): Registry {
    return this.registry;
  }
}

const sorted = (object: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

const restore = <K, V>(map: Map<K, V>, from: ReadonlyMap<K, V>): void => {
  map.clear();
  for (const [key, value] of from) map.set(key, value);
};

/** What a sweep finds: whether the device has just the components that were delivered. */
const runs = (device: Device, content: DeploymentContent): boolean =>
  device.installed.size === Object.keys(content).length &&
  Object.entries(content).every(([name, { componentVersion }]) => device.installed.get(name) === componentVersion);
