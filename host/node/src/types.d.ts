/**
 * Arguments and results. The fields are those of the contract in `wit/`, which documents each of them.
 * Counts and sizes are numbers here, exact up to 2^53.
 */

export type Kind = "event" | "audit" | "dead_letter" | "metric";

export interface Limits {
  maxRecords?: number;
  maxAgeSeconds?: number;
  maxTotalBytes?: number;
}

/** A retention policy: limits for the journal, and further ones for some kinds. */
export interface Retention {
  journal?: Limits;
  perKind?: { kind: Kind; limits: Limits }[];
}

/** A record to write. `fields` is a JSON object without `kind` and `timestamp`. */
export interface Draft {
  kind: Kind;
  /** Seconds since the epoch; by default the time of writing. */
  timestamp?: number | Date;
  fields?: string;
}

/** Selects records. With a `limit`, the newest that match. */
export interface Selection {
  kinds?: Kind[];
  since?: number | Date;
  until?: number | Date;
  matching?: { field: string; value: string }[];
  limit?: number;
  newestFirst?: boolean;
  /** Reads everything, whatever the index beside the journal says. */
  noIndex?: boolean;
  cursor?: string;
}

/** Options of `Journal.open`. */
export interface JournalOptions {
  /** Hides records from `query` and `inspect`; `compact` removes them. */
  retention?: Retention;
  /** Replaces `Date.now`. */
  clock?: () => number;
}

export interface ScanOptions {
  /** Maximum number of findings to list; 100 by default. */
  maxFindings?: number;
  /** Number of entries to read, from the newest; all by default. */
  sample?: number;
}

export interface Appended {
  records: number;
  bytes: number;
  /** How many of the records are suspect; 0 unless the append was lenient. */
  suspects: number;
}

export interface Page {
  /** Records as stored, one per line. */
  records: string;
  /** The time of each record, in the same order; `NaN` where its timestamp is not a number. */
  times: Float64Array;
  count: number;
  damaged: number;
  cursor: string;
  end: boolean;
}

export interface KindCount {
  kind: Kind;
  records: number;
  bytes: number;
}

/**
 * The weight of an anomaly: not a record, or more than one; a record whose kind, time or numbers are unclear;
 * of the set of segments.
 */
export type Severity = "damage" | "suspect" | "structure";

export interface AnomalyCount {
  anomaly: string;
  severity: Severity;
  count: number;
}

/** One anomaly, its place, and its looks. */
export interface Finding {
  anomaly: string;
  severity: Severity;
  segment: string;
  line?: number;
  offset?: number;
  id?: string;
  length: number;
  /** Whole records in a damaged line, which recovery keeps. */
  salvageable: number;
  ambiguous: number;
  hint: string;
  excerpt: string;
}

export interface ScanReport {
  backend: string;
  location: string;
  segments: number;
  bytes: number;
  entries: number;
  records: number;
  kinds: KindCount[];
  damaged: number;
  /** Whole records in damaged lines, which recovery keeps. They are not in `records`. */
  salvageable: number;
  suspect: number;
  structural: number;
  anomalies: AnomalyCount[];
  findings: Finding[];
  findingsTotal: number;
  oldest?: number;
  newest?: number;
  /** Records without calendar time, and with one ahead of the clock: age limits pass them by. */
  untimed: number;
  fromFuture: number;
  timeNote: string;
  sampled: boolean;
}

export type RecoveryMode = "repair" | "quarantine";

export interface RecoverOptions {
  dryRun?: boolean;
  /** Maximum number of findings to list; 100 by default. */
  maxFindings?: number;
  recordAudit?: boolean;
  /** Repair even what does not look like a journal. */
  allowLoss?: boolean;
}

export interface Recovery {
  mode: RecoveryMode;
  dryRun: boolean;
  before: ScanReport;
  changed: boolean;
  removedEntries: number;
  removedBytes: number;
  /** Whole records kept from damaged lines, and those of them that may be a part of a torn record. */
  salvaged: number;
  ambiguous: number;
  /** Line ends that were inserted for them. */
  lineEnds: number;
  terminated: number;
  rewritten: string[];
  quarantine: string[];
  remaining: number;
  bytesBefore: number;
  bytesAfter: number;
  note: string;
  /** The audit record that was appended, with its line end; empty if there is none. */
  audit: string;
}

export interface CompactOptions {
  dryRun?: boolean;
  force?: boolean;
  keepQuarantine?: boolean;
  asOf?: number | Date;
  recordAudit?: boolean;
  /** Remove even records that are all too old, which looks like a wrong clock. */
  allowExpireAll?: boolean;
  /** Read everything, also what the index tells. */
  full?: boolean;
}

export interface Compaction {
  backend: string;
  location: string;
  dryRun: boolean;
  changed: boolean;
  recordsBefore: number;
  recordsAfter: number;
  bytesBefore: number;
  bytesAfter: number;
  kept: KindCount[];
  damagedRemoved: number;
  damagedKept: number;
  untimedKept: number;
  fromFutureKept: number;
  timeNote: string;
  pinnedRemoved: number;
  pinnedKept: number;
  rewritten: string[];
  quarantine: string[];
  /** Bytes that were not read, because the index knew enough of them. */
  indexedBytes: number;
  /** Number of blocks of the index that were taken on trust. They hold the bytes that were not read. */
  indexedBlocks: number;
  asOf: number;
  note: string;
  /** The audit record that was appended, with its line end; empty if there is none. */
  audit: string;
}

export interface Inspection {
  backend: string;
  location: string;
  segments: number;
  bytes: number;
  records: number;
  kinds: KindCount[];
  damaged: number;
  sampled: boolean;
  oldest?: number;
  newest?: number;
  untimed: number;
  fromFuture: number;
  timeNote: string;
}

export type StartupMode = "ignore" | "scan-only" | "scan_only" | "fail" | "recover";

export interface StartupOptions {
  /** Read the whole store, without the index of an earlier check. */
  full?: boolean;
  recordAudit?: boolean;
}

export interface StartupReport {
  outcome: "ignored" | "absent" | "healthy" | "tolerated" | "recovered" | "refused";
  scan?: ScanReport;
  recovery?: Recovery;
  /** Bytes that an earlier clean check has examined, and that were not read again. */
  indexedBytes: number;
  note: string;
}

export interface IndexOptions {
  /** Hash the blocks too, for `verify`. That costs about as much as a scan. */
  hash?: boolean;
  /** Read everything again, also what the index knows. */
  full?: boolean;
}

export interface IndexReport {
  backend: string;
  location: string;
  segments: number;
  bytes: number;
  entries: number;
  blocks: number;
  /** Bytes that were not read, because the index knew them. */
  indexedBytes: number;
  indexBytes: number;
  /** `LENGTH:HASH`; absent without hashes. */
  head?: string;
}

/** The first place at which a journal is not what it was. */
export interface Difference {
  segment: string;
  start: Place;
  end: Place;
  firstLine: number;
  lastLine: number;
  oldest?: number;
  newest?: number;
}

/** Where a report says that something lies; in a file `minor` counts bytes. */
export interface Place {
  major: number;
  minor: number;
}

export interface VerifyReport {
  backend: string;
  location: string;
  segments: number;
  bytes: number;
  blocks: number;
  outcome: "intact" | "differs" | "unverifiable";
  /** The head of the journal as it is now. */
  head: string;
  difference?: Difference;
  note: string;
}

export interface Counters {
  recordsWritten: number;
  bytesWritten: number;
  recordsRead: number;
  scans: number;
  anomaliesDetected: number;
  recoveries: number;
  compactions: number;
  bytesReclaimed: number;
  writeErrors: number;
  readErrors: number;
  scanErrors: number;
  recoveryErrors: number;
  compactionErrors: number;
}

/** The class of a failure. */
export type FailureCode = "invalid-argument" | "invalid-record" | StoreErrorCode;

/** The class of an error of a store. */
export type StoreErrorCode =
  | "unavailable"
  | "full"
  | "locked"
  | "denied"
  | "not-found"
  | "unsupported"
  | "corrupt"
  | "failed";

/** How much of a batch an append that failed has written. */
export type Written = "none" | "all" | "some" | "unknown";

/** What a failure says. */
export interface FailureFields {
  code: FailureCode;
  message: string;
  segment?: string;
  line?: bigint | number;
  retryable?: boolean;
  written?: Written;
}

/** The position of an entry. In a file `major` is 0 and `minor` counts bytes. */
export interface Position {
  major: bigint;
  minor: bigint;
}

/** One change: the bytes from `start` up to `end` give way to one line end, or to nothing. */
export interface Edit {
  start: Position;
  end: Position;
  /** Whether a line end takes their place. Only in a store whose entries are lines. */
  lineEnd: boolean;
}

export interface Description {
  backend: string;
  location: string;
  framing: "lines" | "entries";
  layout: "sequence" | "parallel";
  volatile: boolean;
  /** What its records look like; absent: as Papyra writes them. */
  profile?: Profile;
}

/** What records look like that Papyra did not write. */
export interface Profile {
  kindField?: string;
  timeField: string;
  timeFormat: "seconds" | "milliseconds" | "microseconds" | "nanoseconds" | "rfc3339";
}

export interface Segment {
  name: string;
  role: "active" | "sealed" | "stray" | "leftover";
  number: number;
  start: Position;
  end: Position;
  bytes: bigint;
  entries?: bigint;
  kind?: Kind;
  partition?: number;
  pinned?: Position;
}

/** A piece of a segment, possibly shorter than asked for. `data` is valid until the next call. */
export interface Chunk {
  start: Position;
  data: Uint8Array;
  frames?: { at: Position; end: number; missing: boolean }[];
  last: boolean;
}

export interface RewriteOptions {
  purpose: "recover" | "compact";
  keepQuarantine: boolean;
  force: boolean;
}

export interface Rewritten {
  bytesBefore: bigint;
  bytesAfter: bigint;
  removedEntries?: bigint;
  quarantine: string[];
}

/** A rewrite of one segment. It has no effect until `commit`. */
export interface Rewrite {
  /** Makes these changes. They ascend, do not overlap, and continue those of earlier calls. */
  edit(edits: Edit[]): void;
  /** Makes the quarantine durable, then switches to the new content atomically. */
  commit(): Rewritten;
  /** Gives up the rewrite and leaves nothing behind. */
  abort(): void;
}

/** The store as it was at one moment, whatever changes meanwhile. */
export interface Snapshot {
  segments: Segment[];
  read(segment: string, at: Position, maxBytes: number): Chunk;
  readBack(segment: string, before: Position, maxBytes: number): Chunk;
  rewrite(segment: string, options: RewriteOptions): Rewrite;
  close(): void;
}

export interface FileStoreOptions {
  /** `false`: an append survives the end of the process, but not a power failure. */
  sync?: boolean;
  /** Directory for the entries that `quarantine` and `keepQuarantine` remove. */
  quarantineDir?: string;
  /** Whether the first append creates missing directories. */
  createParents?: boolean;
  /** Maximum seconds to wait for another process, before failing with `locked`; 10 by default. */
  lockWait?: number;
  /** `false` saves 2 ms a call; safe only if no other process writes. */
  locking?: boolean;
  /**
   * Either of these makes the journal a set of rotating files, `path`, `path.1` and so on. `maxBytes` is the maximum
   * size of a file, 50,000,000 bytes by default; a single record may be larger.
   */
  maxBytes?: number;
  /** Maximum number of files, with the one that is appended to: 1 to 1,000, 5 by default. The oldest is dropped. */
  maxFiles?: number;
  /**
   * `false`: a rewrite keeps owner, group and mode, but neither access control lists nor extended attributes.
   * Needed where `cp` of GNU coreutils is missing, as outside Linux.
   */
  attributes?: boolean;
}

export interface MemoryStoreOptions {
  /** Maximum size in bytes; a batch that does not fit is refused with `full`. */
  maxBytes?: number;
}

/** A store. The contract is `wit/storage.wit`. Every function may throw `StoreError`; none may be `async`. */
export interface Store {
  describe(): Description;
  append(lines: string, runs: { kind: Kind; lines: number }[]): void;
  snapshot(): Snapshot;
  /** Returns the text that was saved last, or "". Without both functions every startup check reads everything. */
  loadIndex?(): string;
  /** Replaces the saved text, of at most 8 MiB, atomically. */
  saveIndex?(text: string): void;
}
