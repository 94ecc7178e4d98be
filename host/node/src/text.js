/**
 * Checks of text. A string can hold one half of a surrogate pair, which no UTF-8 and so no journal can: it would
 * be replaced silently. The rules and messages are those of the host in Python.
 */

import { Failure } from "./errors.js";

const HALF = /\p{Surrogate}/u;

/**
 * Returns an argument. Refuses what is not text.
 *
 * @param {string} name
 * @param {string} value
 */
export function text(name, value) {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string, not ${String(value)}`);
  const at = value.search(HALF);
  if (at < 0) return value;
  throw new Failure({ code: "invalid-argument", message: `${name} has ${half(value, at)}, which is not text` });
}

/**
 * Returns the fields of a new record. Refuses what is not text.
 *
 * @param {string} fields
 * @param {number} number of the record, from 1
 */
export function fieldsOf(fields, number) {
  const at = fields.search(HALF);
  if (at < 0) return fields;
  throw refused(number, `\`fields\` has ${half(fields, at)}`, fields.charCodeAt(at));
}

/**
 * Returns lines. Refuses them if one of them is not text.
 *
 * @param {string} lines
 */
export function linesOf(lines) {
  if (typeof lines !== "string") throw new TypeError(`lines must be a string, not ${String(lines)}`);
  const at = lines.search(HALF);
  if (at < 0) return lines;
  const before = lines.slice(0, at);
  const number = before.split("\n").length;
  const start = before.lastIndexOf("\n") + 1;
  throw refused(number, `it has ${half(lines.slice(start), at - start)}`, lines.charCodeAt(at));
}

/**
 * @param {string} text
 * @param {number} at
 */
function half(text, at) {
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  // Counted as in Python: a whole pair is one character.
  return `half of a surrogate pair (U+${code}) as character ${Array.from(text.slice(0, at)).length + 1}`;
}

/**
 * @param {number} line
 * @param {string} reason
 * @param {number} code
 */
function refused(line, reason, code) {
  const advice = `write it as \\u${code.toString(16)}; nothing was written`;
  const message = `record ${line} cannot be written: ${reason}; ${advice}`;
  return new Failure({ code: "invalid-record", message, line, written: "none" });
}
