//! What one instance has done. Counters only grow until they are reset.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub records_written: u64,
    pub bytes_written: u64,
    pub records_read: u64,
    pub scans: u64,
    pub anomalies_detected: u64,
    pub recoveries: u64,
    pub compactions: u64,
    pub bytes_reclaimed: u64,
    pub write_errors: u64,
    pub read_errors: u64,
    pub scan_errors: u64,
    pub recovery_errors: u64,
    pub compaction_errors: u64,
}
