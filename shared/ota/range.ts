/** Part of a representation, as positions of its first and last byte. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The range of `length` bytes that one `bytes=` range asks for; undefined where the header is to be ignored (several ranges,
 * another unit, not a range at all: RFC 9110 §14.2 gives the whole), `unsatisfiable` for 416.
 */
export const rangeOf = (header: string, length: number): ByteRange | "unsatisfiable" | undefined => {
  const [, from = "", to = ""] = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header) ?? [];
  if (from === "" && to === "") return undefined;
  if (from === "") {
    return Number(to) === 0 ? "unsatisfiable" : { first: Math.max(0, length - Number(to)), last: length - 1 };
  }
  const [first, last] = [Number(from), to === "" ? length - 1 : Math.min(Number(to), length - 1)];
  if (to !== "" && Number(to) < Number(from)) return undefined;
  return first >= length ? "unsatisfiable" : { first, last };
};
