//! The promises, and how they are judged. Ratios first, figures second.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::contestant::{Contestant, Unit, median};

/// A promise about one contestant.
pub(crate) enum Promise {
    /// At least so many times as fast as another one.
    Faster(&'static str, f64),
    /// At most so many times the time of another one.
    AtMostTimes(&'static str, f64),
    /// At most so long.
    Within(Duration),
    /// At least so many per second.
    Rate(f64),
    /// No promise, for comparison only.
    Compared(&'static str),
}

/// In the order in which they are printed. A row whose contestants are not there is left out.
pub(crate) const ROWS: &[(&str, &str, Promise)] = &[
    ("scan, in the sandbox", "engine, one instance", Promise::Faster("serde_json", 1.0)),
    ("scan, in the sandbox", "engine, one instance", Promise::Faster("engine, native", 0.75)),
    ("scan, in the sandbox", "engine, one instance", Promise::Compared("sonic-rs")),
    ("scan, the command", "papyra scan --jobs 1", Promise::Faster("serde_json", 1.0)),
    ("scan, the command", "papyra scan --jobs 1", Promise::Compared("sonic-rs")),
    ("scan, the command", "papyra scan --jobs 1", Promise::Compared("jq -c empty")),
    ("scan, two instances", "papyra scan --jobs 2", Promise::Faster("papyra scan --jobs 1", 1.8)),
    ("compact, half is kept", "papyra compact", Promise::AtMostTimes("cp", 2.0)),
    ("compact, half is kept", "papyra compact", Promise::Compared("cp and fsync")),
    ("compact, half is kept", "papyra compact", Promise::Compared("cp, fsync, rename")),
    ("append, sync never", "append, never", Promise::Rate(1e6)),
    ("append, sync never", "append, never", Promise::Compared("write")),
    ("append, sync always", "append, always", Promise::Faster("write and fdatasync", 0.85)),
    ("append, rotating files", "append, rotating", Promise::Faster("append, never", 0.95)),
    ("longest rotation pause", "rotation, never", Promise::Within(Duration::from_millis(5))),
    ("longest rotation pause", "rotation, always", Promise::Within(Duration::from_millis(5))),
    ("inspect, small journal", "papyra inspect", Promise::Within(Duration::from_millis(30))),
    ("read the tail, large", "papyra read --limit 100", Promise::Within(Duration::from_millis(60))),
    ("append to Redis", "redis, append", Promise::Faster("redis-benchmark -P 100", 0.85)),
    ("scan of Redis", "redis, scan", Promise::Faster("redis, bare XRANGE", 0.8)),
    (
        "consumer group",
        "redis, consume and ack",
        Promise::Faster("redis, bare XREADGROUP and XACK", 0.8),
    ),
    ("peer", "sonic-rs", Promise::Compared("serde_json")),
    ("peer", "jq -c empty", Promise::Compared("serde_json")),
    ("peer", "write and fdatasync", Promise::Compared("write")),
];

/// A line of the table.
pub(crate) struct Line {
    what: String,
    ratio: String,
    bar: String,
    met: Option<bool>,
    ours: String,
    peer: String,
}

/// Judges one promise, if both sides have been measured. The ratio is the median over the rounds of
/// the ratio within a round: what slowed the machine down for a while slowed both sides down.
pub(crate) fn judge(all: &[Contestant], what: &str, name: &str, promise: &Promise) -> Option<Line> {
    let find = |name| all.iter().find(|one| one.name == name && !one.samples.is_empty());
    let ours = find(name)?;
    let mut line = Line {
        what: format!("{what}: {name}"),
        ratio: String::new(),
        bar: String::new(),
        met: None,
        ours: figures(ours),
        peer: String::new(),
    };
    let peer = match promise {
        Promise::Faster(peer, _) | Promise::AtMostTimes(peer, _) | Promise::Compared(peer) => {
            find(peer)?
        }
        Promise::Within(limit) => {
            line.bar = format!("≤ {} ms", limit.as_millis());
            line.met = Some(1.0 / ours.median() <= limit.as_secs_f64());
            return Some(line);
        }
        Promise::Rate(least) => {
            line.bar = format!("≥ {}", rate(*least, Unit::RecordsPerSecond));
            line.met = Some(ours.median() >= *least);
            return Some(line);
        }
    };
    let speeds =
        ours.samples.iter().zip(&peer.samples).map(|(ours, peer)| ours.rate() / peer.rate());
    let speed = median(speeds.collect());
    line.peer = format!("{}  {}", peer.name, figures(peer));
    line.ratio = match ours.unit {
        Unit::Time => format!("{:.2} × the time", 1.0 / speed),
        _ => format!("{speed:.2} ×"),
    };
    match promise {
        Promise::Faster(_, least) => {
            line.bar = format!("≥ {least} ×");
            line.met = Some(speed >= *least);
        }
        Promise::AtMostTimes(_, most) => {
            line.bar = format!("≤ {most} × the time");
            line.met = Some(1.0 / speed <= *most);
        }
        _ => {}
    }
    Some(line)
}

/// A line about a figure that was judged elsewhere.
pub(crate) fn figure(what: String, bar: String, met: bool, ours: String) -> Line {
    Line { what, ratio: String::new(), bar, met: Some(met), ours, peer: String::new() }
}

/// A line about memory.
pub(crate) fn memory(what: String, peak: u64, most: u64) -> Line {
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20));
    Line {
        what,
        ratio: String::new(),
        bar: format!("≤ {}", mib(most)),
        met: Some(peak <= most),
        ours: mib(peak),
        peer: String::new(),
    }
}

/// Whether all promises were kept.
pub(crate) fn print(lines: &[Line]) -> bool {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["what", "ratio", "bar", "", "ours: best (median)", "peer: best (median)"]);
    for line in lines {
        let met = match line.met {
            Some(true) => "pass",
            Some(false) => "MISS",
            None => "",
        };
        table.add_row([&line.what, &line.ratio, &line.bar, met, &line.ours, &line.peer]);
    }
    for column in 1..=2 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    lines.iter().all(|line| line.met != Some(false))
}

fn figures(one: &Contestant) -> String {
    format!("{} ({})", rate(one.best(), one.unit), rate(one.median(), one.unit))
}

fn rate(per_second: f64, unit: Unit) -> String {
    match unit {
        Unit::BytesPerSecond => format!("{:.0} MB/s", per_second / 1e6),
        Unit::RecordsPerSecond => format!("{:.0} k records/s", per_second / 1e3),
        Unit::Time => format!("{:.1} ms", 1e3 / per_second),
    }
}
