/** Between this package's values and those of the component: kinds as in records, and plain numbers. */

/**
 * Kinds as the contract spells them. Everything else stays.
 *
 * @template {{ kind?: string }} T
 * @param {T} value
 * @returns {T}
 */
export function toContract(value) {
  return value.kind === undefined ? value : { ...value, kind: value.kind.replace("_", "-") };
}

/**
 * What the component returns: numbers for its 64-bit integers, and kinds as in records.
 *
 * @param {unknown} value
 * @returns {any}
 */
export function fromContract(value) {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(fromContract);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) => {
    const plain = fromContract(inner);
    return [name, name === "kind" && typeof plain === "string" ? plain.replace("-", "_") : plain];
  });
  return Object.fromEntries(fields);
}

/**
 * A count or size for the component. What is no whole number is refused here, with a better message
 * than a `RangeError` of `BigInt`.
 *
 * @param {string} name
 * @param {number | undefined} value
 */
export function whole(name, value) {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`${name} must be a whole number that is not negative, not ${value}`);
  }
  return BigInt(value);
}

/**
 * The same for the few that the component has in 32 bits, and that are cut to size there.
 *
 * @param {string} name
 * @param {number} value
 */
export function small(name, value) {
  if (Number(whole(name, value)) >= 2 ** 32) throw new TypeError(`${name} must be less than 2^32, not ${value}`);
  return value;
}

/**
 * Seconds, or the seconds of a `Date`. JavaScript would make a number of nearly everything.
 *
 * @param {string} name
 * @param {number | Date | undefined} value
 */
export function seconds(name, value) {
  if (value === undefined || value === null) return undefined;
  const number = value instanceof Date ? value.getTime() / 1000 : value;
  if (typeof number !== "number" || Number.isNaN(number)) {
    throw new TypeError(`${name} must be a number of seconds or a Date, not ${String(value)}`);
  }
  return number;
}

/**
 * @param {string} name
 * @param {boolean} value
 */
export function flag(name, value) {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be true or false, not ${String(value)}`);
  return value;
}

export const KINDS = ["event", "audit", "dead_letter", "metric"];
export const RECOVERY_MODES = ["repair", "quarantine"];
export const STARTUP_MODES = ["ignore", "scan-only", "fail", "recover"];

/**
 * One of some names, as the contract spells it. It may be given in either spelling.
 *
 * @param {string} name
 * @param {unknown} value
 * @param {string[]} choices
 */
export function chosen(name, value, choices) {
  const plain = (/** @type {string} */ text) => text.replaceAll("_", "-");
  if (typeof value === "string" && choices.map(plain).includes(plain(value))) return plain(value);
  throw new TypeError(`${name} must be one of ${choices.join(", ")}, not ${String(value)}`);
}
