//! Which other program wrote a record that has no time where Papyra has it.

use crate::host::TimeFormat;
use crate::json::{find, number_at, text_at, time_at};

/// How many records without a time are looked at.
pub const AMONG: u64 = 100;

/// The modules of Caddy that log.
const CADDY: [&str; 6] = ["http", "tls", "admin", "pki", "events", "caddy"];

/// The levels of slog; `+2` or `-2` may follow. Others write them in small letters.
const SLOG: [&str; 4] = ["DEBUG", "INFO", "WARN", "ERROR"];

/// The name of the profile that fits a record, if there is no doubt: where programs write the same fields, one more
/// must tell them apart. The record is known to be valid.
pub fn profile(record: &[u8]) -> Option<&'static str> {
    let fields = Fields { record, open: record.iter().position(|byte| *byte == b'{')? };
    if fields.has_time("__REALTIME_TIMESTAMP", TimeFormat::Microseconds) {
        return fields.has("__CURSOR").then_some("journald");
    }
    if fields.has_time("@timestamp", TimeFormat::Rfc3339) {
        let marked = fields.has("ecs.version") || fields.has("log.level");
        return (marked && fields.has("message")).then_some("ecs");
    }
    if fields.has_time("ts", TimeFormat::Seconds) {
        return fields.of_zap();
    }
    if fields.has_time("time", TimeFormat::Milliseconds) {
        let known = fields.has("pid") && fields.has("hostname") || fields.is_text("msg");
        return (known && fields.number("level").is_some()).then_some("pino");
    }
    fields.has_time("time", TimeFormat::Rfc3339).then(|| fields.with_a_written_time())?
}

struct Fields<'r> {
    record: &'r [u8],
    open: usize,
}

impl Fields<'_> {
    fn value(&self, name: &str) -> Option<usize> {
        find(self.record, self.open, name)
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn is_text(&self, name: &str) -> bool {
        self.value(name).is_some_and(|at| self.record.get(at) == Some(&b'"'))
    }

    fn text(&self, name: &str) -> Option<&str> {
        text_at(self.record, self.value(name)?)
    }

    fn number(&self, name: &str) -> Option<f64> {
        number_at(self.record, self.value(name)?)
    }

    /// Whether the field gives a time of this century, which tells units apart.
    fn has_time(&self, name: &str, format: TimeFormat) -> bool {
        let time = self.value(name).and_then(|at| time_at(format, self.record, at));
        time.is_some_and(crate::time::is_plausible)
    }

    /// zap says who called, and Caddy, which logs by zap, which of its modules it is.
    fn of_zap(&self) -> Option<&'static str> {
        if !(self.is_text("level") && self.is_text("msg")) {
            return None;
        }
        let of_caddy = |logger: &str| CADDY.contains(&logger.split('.').next().unwrap_or(logger));
        match (self.has("caller"), self.text("logger")) {
            (true, _) => Some("zap"),
            (false, Some(logger)) if of_caddy(logger) => Some("caddy"),
            (false, _) => None,
        }
    }

    fn with_a_written_time(&self) -> Option<&'static str> {
        if self.is_text("log") {
            return matches!(self.text("stream"), Some("stdout" | "stderr")).then_some("docker");
        }
        if !self.is_text("msg") {
            return None;
        }
        if self.number("level").is_some() {
            let others = ["name", "hostname", "pid", "v"].iter().all(|name| self.has(name));
            return others.then_some("bunyan");
        }
        let level = self.text("level")?;
        let of_slog = SLOG
            .iter()
            .filter_map(|name| level.strip_prefix(name))
            .any(|rest| rest.is_empty() || rest.starts_with(['+', '-']));
        let first =
            self.record.get(self.open..).is_some_and(|text| text.starts_with(br#"{"time":"#));
        (of_slog && first).then_some("slog")
    }
}

#[cfg(test)]
mod tests {
    use super::profile;

    #[test]
    fn a_record_is_recognized_or_left_alone() {
        for (expected, record) in [
            (Some("pino"), r#"{"level":30,"time":1738000000123,"pid":1,"hostname":"h","msg":"m"}"#),
            (Some("pino"), r#"{"level":30,"time":1738000000123,"msg":"m"}"#),
            (None, r#"{"level":30,"time":1738000000123}"#),
            (None, r#"{"level":"info","time":1738000000123,"msg":"m"}"#),
            (None, r#"{"level":30,"time":1738000000,"msg":"m"}"#),
            (
                Some("bunyan"),
                r#"{"name":"a","hostname":"h","pid":1,"level":30,"msg":"m","time":"2026-11-29T18:00:00.000Z","v":0}"#,
            ),
            (None, r#"{"level":30,"msg":"m","time":"2026-11-29T18:00:00.000Z"}"#),
            (
                Some("zap"),
                r#"{"level":"info","ts":1738000000.5,"logger":"http","caller":"a/b.go:1","msg":"m"}"#,
            ),
            (
                Some("caddy"),
                r#"{"level":"info","ts":1738000000.5,"logger":"http.log.access.log0","msg":"handled"}"#,
            ),
            (None, r#"{"level":"info","ts":1738000000.5,"logger":"httpd","msg":"m"}"#),
            (None, r#"{"level":"info","ts":1738000000.5,"msg":"m"}"#),
            (None, r#"{"level":"info","ts":12.5,"caller":"a/b.go:1","msg":"m"}"#),
            (Some("slog"), r#"{"time":"2026-11-29T18:00:00+01:00","level":"INFO","msg":"m"}"#),
            (Some("slog"), r#"{"time":"2026-11-29T18:00:00Z","level":"WARN+2","msg":"m"}"#),
            (None, r#"{"level":"INFO","time":"2026-11-29T18:00:00Z","msg":"m"}"#),
            (None, r#"{"time":"2026-11-29T18:00:00Z","level":"info","message":"of zerolog"}"#),
            (None, r#"{"level":"info","msg":"of logrus","time":"2026-11-29T18:00:00Z"}"#),
            (
                Some("ecs"),
                r#"{"@timestamp":"2026-11-29T18:00:00.000Z","log.level":"info","message":"m"}"#,
            ),
            (
                Some("ecs"),
                r#"{"@timestamp":"2026-11-29T18:00:00.000Z","message":"m","ecs":{"version":"8.10.0"}}"#,
            ),
            (
                None,
                r#"{"@timestamp":"2026-11-29T18:00:00.000Z","@version":"1","message":"of logstash"}"#,
            ),
            (
                Some("docker"),
                r#"{"log":"{\"a\":1}\n","stream":"stdout","time":"2026-11-29T18:00:00.123456789Z"}"#,
            ),
            (None, r#"{"log":"m","time":"2026-11-29T18:00:00Z"}"#),
            (
                Some("journald"),
                r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1738000000123456","MESSAGE":"m"}"#,
            ),
            (None, r#"{"timestamp":"2026-11-29T18:00:00Z","level":"info","message":"of winston"}"#),
            (
                None,
                r#"{"asctime":"2026-11-29 18:00:00,123","levelname":"INFO","message":"of python"}"#,
            ),
            (None, r#"{"time":null,"msg":null,"level":{}}"#),
            (None, "{}"),
        ] {
            assert_eq!(profile(record.as_bytes()), expected, "{record}");
        }
    }
}
