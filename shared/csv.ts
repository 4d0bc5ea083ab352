/**
 * What a spreadsheet may take for a formula when a cell begins with it, quotes or not. The last one is the mark itself, so that
 * whoever takes one mark off what begins with it has the text again, whatever that was.
 * https://owasp.org/www-community/attacks/CSV_Injection and ASVS 5.0, 1.2.10
 */
const MARKED = /^[=+\-@\t\r\n\0']/;

/** A line of CSV (RFC 4180) with its end: every cell in quotes, and `'` before what could be run as a formula. */
export const csvLine = (cells: readonly string[]): string =>
  `${cells.map((cell) => `"${MARKED.test(cell) ? "'" : ""}${cell.replaceAll('"', '""')}"`).join(",")}\r\n`;
