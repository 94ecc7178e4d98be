//! The page: one document without scripts, drawn from what was last seen.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::recent::{BARS, Recent};
use super::watch::Look;
use crate::store::{Kind, PerKind};

/// The style, and nothing else, is a file of its own.
const STYLE: &str = include_str!("page.css");

/// Maximum number of characters shown of a record.
const SHOWN: usize = 240;

/// The height of the chart, in its own units; its width is that of the bars.
const HEIGHT: f64 = 100.0;
const BAR: usize = 16;

/// The whole page.
pub(super) fn render(stores: &[(Arc<Look>, Result<Recent, String>)]) -> String {
    let mut page = String::with_capacity(64 << 10);
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=refresh content=10><title>papyra</title><style>{STYLE}</style>\
         <header><h1>papyra</h1><p>{}</p></header><main>",
        moment(now())
    );
    for (look, recent) in stores {
        store(&mut page, look, recent);
    }
    page.push_str("</main>");
    page
}

fn store(page: &mut String, look: &Look, recent: &Result<Recent, String>) {
    let class = if look.is_ready() { "good" } else { "bad" };
    let verdict = look.verdict();
    let _ = write!(
        page,
        "<section><h2>{}<span class=\"badge {class}\">{}</span></h2>",
        escape(&look.location),
        escape(&verdict)
    );
    figures(page, look);
    match recent {
        Ok(recent) => {
            chart(page, recent);
            anomalies(page, look);
            groups(page, look);
            records(page, recent);
        }
        Err(reason) => {
            let _ = write!(page, "<p class=bad>Cannot be read: {}</p>", escape(reason));
        }
    }
    page.push_str("</section>");
}

fn figures(page: &mut String, look: &Look) {
    let mut list = vec![("backend", look.backend.clone())];
    if let Some(scan) = &look.scan {
        list.push(("records", grouped(scan.records)));
        for count in &scan.kinds {
            list.push((count.kind.name(), grouped(count.records)));
        }
        list.push(("bytes", grouped(scan.bytes)));
        list.extend(scan.oldest.map(|time| ("oldest", moment(time))));
        list.extend(scan.newest.map(|time| ("newest", moment(time))));
    }
    if let Some((at, took)) = look.checked {
        let at = at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        list.push(("checked", format!("{}, in {took:.1?}", moment(at))));
    }
    page.push_str("<dl>");
    for (name, value) in list {
        let _ = write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    page.push_str("</dl>");
}

/// Stacked bars. Every figure is also in the title of its bar, for pointers and screen readers.
fn chart(page: &mut String, recent: &Recent) {
    let Some((from, to)) = recent.span else { return };
    let total = |bar: &PerKind<u32>| bar.iter().map(|(_, count)| count).sum::<u32>();
    let highest = recent.bars.iter().map(total).max().unwrap_or(0).max(1);
    let _ = write!(
        page,
        "<h3>Records over time</h3><p>The newest {}, from {} to {}; the highest bar is {}.</p>\
         <svg viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=none role=img \
         aria-label=\"records per kind over time\">",
        grouped(recent.charted as u64),
        moment(from),
        moment(to),
        grouped(u64::from(highest)),
        BARS * BAR
    );
    for (index, bar) in recent.bars.iter().enumerate().filter(|(_, bar)| total(bar) > 0) {
        let begins = from + (to - from) / BARS as f64 * index as f64;
        let _ = write!(page, "<g><title>{}", moment(begins));
        for (kind, count) in bar.iter().filter(|(_, count)| **count > 0) {
            let _ = write!(page, ", {kind} {count}");
        }
        page.push_str("</title>");
        let mut top = HEIGHT;
        for (kind, count) in bar.iter().filter(|(_, count)| **count > 0) {
            // A single record must be seen beside thousands.
            let height = (HEIGHT * f64::from(*count) / f64::from(highest)).max(1.0);
            top -= height;
            let _ = write!(
                page,
                "<rect class={kind} x={} y={top:.2} width={} height={height:.2} />",
                index * BAR,
                BAR - 2
            );
        }
        page.push_str("</g>");
    }
    page.push_str("</svg><p class=legend>");
    for kind in Kind::ALL {
        let _ = write!(page, "<span class={kind}>{kind}</span>");
    }
    page.push_str("</p>");
}

fn anomalies(page: &mut String, look: &Look) {
    let Some(scan) = look.scan.as_ref().filter(|scan| scan.findings_total > 0) else { return };
    let _ = write!(page, "<h3>Anomalies</h3><p>{} in all.", grouped(scan.findings_total));
    let listed = scan.findings.len() as u64;
    if listed < scan.findings_total {
        let _ = write!(page, " The first {} are listed.", grouped(listed));
    }
    page.push_str("</p><table><tr><th>what<th>where<th class=wide>excerpt</tr>");
    for finding in &scan.findings {
        let segment = escape(&finding.segment);
        let place = match (finding.line, &finding.id) {
            (Some(line), _) => format!("{segment}:{line}"),
            (None, Some(id)) => format!("{segment} {}", escape(id)),
            (None, None) => segment,
        };
        let _ = write!(
            page,
            "<tr><td class={}>{}<td>{place}<td class=wide><code>{}</code></tr>",
            finding.severity.name(),
            escape(&finding.anomaly),
            escape(&finding.excerpt)
        );
    }
    page.push_str("</table>");
}

fn groups(page: &mut String, look: &Look) {
    if look.groups.is_empty() {
        return;
    }
    page.push_str(
        "<h3>Consumer groups</h3><table><tr><th>kind<th>group<th>consumers<th>pending<th>lag\
         <th class=wide>last delivered</tr>",
    );
    for (kind, group) in &look.groups {
        let lag = group.lag.map_or("unknown".to_owned(), grouped);
        let _ = write!(
            page,
            "<tr><td>{kind}<td>{}<td>{}<td>{}<td>{lag}<td class=wide>{}</tr>",
            escape(&group.name),
            grouped(group.consumers),
            grouped(group.pending),
            escape(&group.last_delivered)
        );
    }
    page.push_str("</table>");
}

fn records(page: &mut String, recent: &Recent) {
    if recent.listed.is_empty() {
        page.push_str("<p>No record is visible yet.</p>");
        return;
    }
    page.push_str("<h3>Recent records</h3><table><tr><th>time<th>kind<th class=wide>record</tr>");
    for line in &recent.listed {
        let kind = line.kind.map_or("unclear", Kind::name);
        let mut shown: String = line.text.chars().take(SHOWN).collect();
        if shown.len() < line.text.len() {
            shown.push('…');
        }
        let _ = write!(
            page,
            "<tr><td>{}<td class={kind}>{kind}<td class=wide><code>{}</code></tr>",
            line.timestamp.map_or(String::new(), moment),
            escape(&shown)
        );
    }
    page.push_str("</table>");
}

/// Escapes text for the page: the content of records is not trusted.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(control));
            }
            plain => safe.push(plain),
        }
    }
    safe
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment in seconds since the epoch, for people; the number itself if it is no calendar time.
fn moment(seconds: f64) -> String {
    let parsed = Timestamp::from_millisecond((seconds * 1000.0) as i64).ok();
    match parsed.filter(|_| seconds >= 946_684_800.0) {
        Some(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        None => format!("{seconds}"),
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_holds_is_text_and_nothing_else() {
        assert_eq!(escape("<a href='x'>&\"\u{1b}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{1b}");
    }

    #[test]
    fn numbers_and_moments_are_for_people() {
        assert_eq!((grouped(7), grouped(1_234_567)), ("7".to_owned(), "1,234,567".to_owned()));
        assert_eq!(moment(1_738_000_000.5), "2025-01-27 17:46:40Z");
        assert_eq!((moment(2403.198), moment(1e300)), ("2403.198".to_owned(), moment(1e300)));
    }
}
