/** Conversion between the values of this package and those of the component, and checks of arguments. */

/**
 * Spells the kind as the contract does: `dead-letter`. The rest stays as it is.
 *
 * @template {{ kind?: string }} T
 * @param {T} value
 * @returns {T}
 */
export function toContract(value) {
  return value.kind === undefined ? value : { ...value, kind: value.kind.replace("_", "-") };
}

/**
 * Converts what the component returns: 64-bit integers become numbers, and kinds are spelled as in records.
 *
 * @param {unknown} value
 * @returns {any}
 */
export function fromContract(value) {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(fromContract);
  if (ArrayBuffer.isView(value)) return value;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) => {
    const plain = fromContract(inner);
    return [name, name === "kind" && typeof plain === "string" ? plain.replace("-", "_") : plain];
  });
  return Object.fromEntries(fields);
}

/**
 * Converts a count or size for the component. Refuses other numbers with a better message than the
 * `RangeError` of `BigInt`.
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
 * Checks a number that has 32 bits in the component, where it would be truncated silently.
 *
 * @param {string} name
 * @param {number} value
 */
export function small(name, value) {
  if (Number(whole(name, value)) >= 2 ** 32) throw new TypeError(`${name} must be less than 2^32, not ${value}`);
  return value;
}

/**
 * Returns seconds, or the seconds of a `Date`. Refuses the rest: JavaScript would convert almost any value.
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
 * Checks a boolean.
 *
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
 * Returns one of the choices as the contract spells it. Accepts both `-` and `_`.
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
