/** Runs steps of the golden vectors on an instance; tests/golden/README.md describes them. */

/** Fields that are 64-bit integers in `wit/`. */
const WHOLE = new Set(["limit", "sample", "max_records", "max_total_bytes"]);
const FINDINGS = 1000;
const COMPACT = { dryRun: false, force: false, keepQuarantine: false, recordAudit: false, allowExpireAll: false, full: false };

export function contract(start, call, options = {}) {
  const given = lowered(options);
  const session = start();
  try {
    if (call === "query") return { pages: pages(session, given) };
    const name = call.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
    return session.call(name, parameters(call, given));
  } finally {
    session.close();
  }
}

function parameters(call, { retention, ...given }) {
  switch (call) {
    case "scan":
      return [{ maxFindings: FINDINGS, ...given }];
    case "recover":
      return [{ maxFindings: FINDINGS, dryRun: false, recordAudit: false, allowLoss: false, ...given }];
    case "compact":
      return [policy(retention), { ...COMPACT, ...given }];
    case "inspect":
      return [given, policy(retention)];
    case "append":
      return [given.drafts];
    case "append-lines":
      return [given.lines, given.lenient ?? false];
    case "startup-check":
      return [{ full: false, recordAudit: false, ...given }];
    default:
      throw new TypeError(`there is no call ${call}`);
  }
}

function pages(session, { selection, retention }) {
  const asked = { kinds: [], matching: [], order: "oldest-first", noIndex: false, ...selection };
  const all = [];
  for (let { cursor } = asked, end = false; !end; ) {
    const page = session.call("query", [{ ...asked, cursor }, policy(retention)]);
    ({ cursor, end } = page);
    const { records, times, count, damaged } = page;
    all.push({ records, times: [...times].map((time) => (isNaN(time) ? null : time)), count, damaged, end });
  }
  return all;
}

const policy = (retention) => ({ journal: {}, perKind: [], ...retention });

function lowered(value, key = "") {
  if (Array.isArray(value)) return value.map((one) => lowered(one));
  if (typeof value === "number" && WHOLE.has(key)) return BigInt(value);
  if (typeof value !== "object" || value === null) return value ?? undefined;
  const name = (snake) => snake.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), lowered(inner, key)]));
}
