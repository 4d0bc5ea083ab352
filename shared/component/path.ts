/** What a file system that takes no notice of letter case would call the same. */
export const foldPath = (path: string): string => path.normalize("NFC").toLowerCase().normalize("NFC");

/** The order in which DynamoDB has texts: that of their bytes in UTF-8. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
