/**
 * The field `Repr-Digest` of a representation (RFC 9530 §3, in the form of RFC 8941 for bytes).
 * @param sha256 hexadecimal
 */
export const reprDigest = (sha256: string): string => {
  const bytes = Uint8Array.from(sha256.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
  return `sha-256=:${btoa(String.fromCharCode(...bytes))}:`;
};

/** The metadata by which an object keeps its digest, which S3 has no header for: `objectResponse` of `edge.ts` names it. */
export const digestMetadata = (sha256: string): Record<string, string> => ({ "repr-digest": reprDigest(sha256) });
