import type { CurrentRelease, Selected } from "./select.ts";
import { compareVersions } from "./versions.ts";

/** What a device says of itself beside its query. */
export interface DeviceFacts {
  readonly now: Date;
  /** 0–99, of the id that the device states; undefined for one that states none. */
  readonly bucket: number | undefined;
  /** Labels in lower case; it has all of them. */
  readonly hardware: ReadonlySet<string>;
  /** MD5 and SHA-256 of binaries it has, in lower case. */
  readonly hashes: ReadonlySet<string>;
  /** What the binaries are that it has, as far as they were ever published here. */
  readonly installed: readonly Installed[];
}

/** A binary as it was last published in an environment. Names are in lower case. */
export interface Installed {
  readonly app: string;
  readonly environment: string;
  readonly version: string;
}

/** A device that has nothing and says nothing of itself. */
export const unknownDevice = (now: Date): DeviceFacts => ({
  now,
  bucket: undefined,
  hardware: new Set(),
  hashes: new Set(),
  installed: [],
});

const isHeld = ({ sha256, md5 }: CurrentRelease, { hashes }: DeviceFacts): boolean =>
  hashes.has(sha256.toLowerCase()) || hashes.has(md5.toLowerCase());

/** Whether the release is for hardware as the device's. One that names none is for all. */
export const suitsHardware = ({ hardware = [] }: CurrentRelease, device: DeviceFacts): boolean =>
  hardware.length === 0 || hardware.some((label) => device.hardware.has(label.toLowerCase()));

/** Whether devices that do not have it yet may be given it now. */
const isOpen = (release: CurrentRelease, { now, bucket }: DeviceFacts): boolean => {
  const { rollout = 100, notBefore, isPaused = false } = release;
  if (isPaused || (notBefore !== undefined && Date.parse(notBefore) > now.getTime())) return false;
  return rollout >= 100 || (bucket !== undefined && bucket < rollout);
};

/** What the device is known to have of the candidates' app. */
const installedOf = (app: string, candidates: readonly CurrentRelease[], device: DeviceFacts): readonly Installed[] => [
  ...device.installed.filter((one) => one.app === app.toLowerCase()),
  ...candidates.filter((candidate) => isHeld(candidate, device)),
];

/**
 * Which of an app's releases a device is to have.
 *
 * - What it has it may keep: pauses, rollouts and dates are for devices that do not have a release yet.
 * - Of the others, those are left that are open to it and whose minimum version it is known to have. So a device with an
 *   old version gets the newest stepping stone, and one that says nothing of itself the newest that needs none.
 * - It never gets an older version than it has from the same environment, unless the release allows that. Where nothing
 *   else is left, it is told of the newest of those all the same, as of something it need not fetch. Which environment it
 *   wants is its own to say: one that asks for another than it came from gets what is there, as with the sample.
 *
 * @param ranked releases of one app that suit the device, the best first
 * @returns undefined when there is none for it
 */
export const choose = (ranked: readonly CurrentRelease[], device: DeviceFacts): Selected | undefined => {
  const [first] = ranked;
  if (first === undefined) return undefined;
  const installed = installedOf(first.app, ranked, device);
  const meetsMinimum = ({ minimumVersion }: CurrentRelease): boolean =>
    minimumVersion === undefined || installed.some(({ version }) => compareVersions(version, minimumVersion) >= 0);
  const isDowngrade = ({ environment, version, allowDowngrade = false }: CurrentRelease): boolean =>
    !allowDowngrade &&
    installed.some(
      (one) => one.environment.toLowerCase() === environment.toLowerCase() && compareVersions(version, one.version) < 0,
    );
  const possible = ranked.filter(
    (release) => isHeld(release, device) || (isOpen(release, device) && meetsMinimum(release)),
  );
  const best = possible.find((release) => isHeld(release, device) || !isDowngrade(release));
  if (best !== undefined) return best;
  const [kept] = possible;
  return kept && { ...kept, isKept: true };
};
