import { BlockList, isIP } from "node:net";

/** IPv4 that is not the public internet: https://www.iana.org/assignments/iana-ipv4-special-registry/ and multicast. */
const NOT_PUBLIC_4: readonly (readonly [net: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carriers' NAT
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // of the link: AWS's metadata and Lambda's own services are there
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/**
 * Within 2000::/3, which alone is given out for the public internet: what holds or leads to other addresses, and examples.
 * https://www.iana.org/assignments/iana-ipv6-special-registry/
 */
const NOT_PUBLIC_6: readonly (readonly [net: string, bits: number])[] = [
  ["2001::", 23], // Teredo, ORCHID and others
  ["2001:db8::", 32],
  ["2002::", 16], // 6to4 holds an IPv4 address
  ["3fff::", 20],
];

const listed = (nets: readonly (readonly [string, number])[], family: "ipv4" | "ipv6"): BlockList => {
  const list = new BlockList();
  for (const [net, bits] of nets) list.addSubnet(net, bits, family);
  return list;
};

const refused4 = listed(NOT_PUBLIC_4, "ipv4");
const refused6 = listed(NOT_PUBLIC_6, "ipv6");
const global6 = listed([["2000::", 3]], "ipv6");
const loopback4 = listed([["127.0.0.0", 8]], "ipv4");

/** Whether an address is one that anybody on the internet has. What is no address is none. */
export const isPublic = (address: string): boolean => {
  const family = isIP(address);
  if (family === 4) return !refused4.check(address, "ipv4");
  if (family === 6 && !address.includes("%")) return global6.check(address, "ipv6") && !refused6.check(address, "ipv6");
  return false;
};

export const isLoopback = (address: string): boolean => {
  const family = isIP(address);
  return family === 4 ? loopback4.check(address, "ipv4") : family === 6 && address === "::1";
};

/** The host of a URL as an address, where it is one: without the brackets of IPv6. */
export const addressIn = ({ hostname }: URL): string | undefined => {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return isIP(bare) === 0 ? undefined : bare;
};

/**
 * Why nothing may be sent to a URL, as far as the URL itself tells; undefined where it may.
 * @param loopback whether this machine itself may be sent to, also without TLS
 */
export const faultOfUrl = (text: string, loopback: boolean): string | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return "must be a URL";
  const address = addressIn(url);
  const isHere = loopback && address !== undefined && isLoopback(address);
  if (url.protocol !== "https:" && !(isHere && url.protocol === "http:")) return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must hold no user name or password";
  if (url.hash !== "") return "must hold no fragment";
  if (address !== undefined && !isHere && !isPublic(address)) return `${address} is no public address`;
  return undefined;
};
