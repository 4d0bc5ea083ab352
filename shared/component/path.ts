/** What a file system that takes no notice of letter case would call the same. */
export const foldPath = (path: string): string => path.normalize("NFC").toLowerCase().normalize("NFC");
