//! The page: one document that is whole without scripts, drawn from what was last seen.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use maud::{DOCTYPE, Markup, html};

use super::asked::{Asked, LISTED};
use super::chart::{draw, sparkline};
use super::findings;
use super::text::{excerpt, grouped, moment, now, pretty, stamp};
use super::watch::{Look, Watched};
use super::window::{Line, Window, name};
use crate::store::Kind;

/// Maximum number of characters of a record in its line of the list.
const SHOWN: usize = 200;

/// Maximum number of bytes of a record that opens in the list; a longer one has a page of its own.
const OPENED: usize = 8 << 10;

/// Maximum number of characters of a record on its own page.
const WHOLE: usize = 1 << 20;

/// The page of a store, with the verdict of every other one.
pub(super) fn render(
    looks: &[Arc<Look>],
    watched: &Watched,
    asked: &Asked,
    window: Result<&Window, &str>,
) -> String {
    let look = watched.look();
    let body = html! {
        @if looks.len() > 1 { (stores(looks, asked)) }
        (state(&look))
        @match window {
            Ok(window) => {
                (findings::table(&look))
                (records(asked, window))
            }
            Err(reason) => section.panel { p.bad { "Cannot be read: " (reason) } }
        }
        (groups(watched, &look))
    };
    document("papyra", &body)
}

/// The page of one record.
pub(super) fn render_record(asked: &Asked, line: Option<&Line>) -> String {
    let back = Asked { id: String::new(), ..asked.clone() };
    let body = html! {
        section.panel.record {
            p { a href=(back.link("/")) { "← Records" } }
            @match line {
                Some(line) => {
                    h2 {
                        (kind_name(line)) " "
                        @if let Some(time) = line.time { (moment(time)) }
                    }
                    (copyable(&line.text))
                }
                None => p { "This record is not among those that are read for a view, or is gone." }
            }
        }
    };
    document("papyra: a record", &body)
}

fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/page.css";
                link rel="icon" href="data:,";
                script src="/page.js" defer {}
            }
            body {
                header {
                    h1 { a href="/" { "papyra" } }
                    button #live type="button" aria-pressed="false" hidden { "Live: off" }
                    p #now { (moment(now())) }
                }
                main { (body) }
            }
        }
    };
    page.into_string()
}

fn stores(looks: &[Arc<Look>], asked: &Asked) -> Markup {
    html! {
        nav.stores aria-label="Stores" {
            @for (store, look) in looks.iter().enumerate() {
                a href=(Asked { store, ..Asked::default() }.link("/"))
                    aria-current=[(store == asked.store).then_some("page")] {
                    span.dot.good[look.is_ready()].bad[!look.is_ready()] {}
                    (look.location) ": " (look.verdict())
                }
            }
        }
    }
}

fn state(look: &Look) -> Markup {
    let class = if look.is_ready() { "good" } else { "bad" };
    html! {
        section.panel {
            h2 { (look.location) " " span class=(format!("badge {class}")) { (look.verdict()) } }
            dl {
                @for (name, value) in figures(look) {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

fn figures(look: &Look) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if let Some(scan) = &look.scan {
        list.push(("records", grouped(scan.records)));
        list.extend(scan.kinds.iter().map(|count| (count.kind.name(), grouped(count.records))));
        list.push(("anomalies", grouped(scan.findings_total)));
        list.push(("bytes", grouped(scan.bytes)));
        list.extend(scan.oldest.map(|time| ("oldest", moment(time))));
        list.extend(scan.newest.map(|time| ("newest", moment(time))));
    }
    list.push(("backend", look.backend.clone()));
    if let Some((at, took)) = look.checked {
        let at = at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        list.push(("checked", format!("{}, in {took:.1?}", moment(at))));
    }
    list
}

fn groups(watched: &Watched, look: &Look) -> Markup {
    html! {
        @if !look.groups.is_empty() {
            section.panel {
                h2 { "Consumer groups" }
                div.scroll tabindex="0" role="region" aria-label="Consumer groups" {
                    table {
                        thead { tr {
                            th { "kind" } th { "group" } th { "consumers" } th { "pending" } th { "lag" }
                            th { "lag over time" } th { "last delivered" }
                        } }
                        tbody {
                            @for (kind, group) in &look.groups {
                                tr {
                                    td class=(kind.name()) { (kind.name()) }
                                    td { (group.name) }
                                    td { (grouped(group.consumers)) }
                                    td { (grouped(group.pending)) }
                                    td { (group.lag.map_or("unknown".to_owned(), grouped)) }
                                    td { (sparkline(&watched.lags(*kind, &group.name))) }
                                    td { (group.last_delivered) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn records(asked: &Asked, window: &Window) -> Markup {
    let selected = asked.select(&window.lines);
    let lines = selected.iter().skip(asked.page.saturating_mul(LISTED)).take(LISTED);
    html! {
        section.panel {
            h2 { "Records" }
            (form(asked))
            p.note { (extent(asked, window, selected.len())) }
            @if !selected.is_empty() { (draw(asked, &selected)) }
            ol.records { @for line in lines { (item(asked, line)) } }
            (paging(asked, window, selected.len()))
        }
    }
}

fn form(asked: &Asked) -> Markup {
    let since = |seconds: f64| Asked {
        since: stamp(now() - seconds),
        until: String::new(),
        older: String::new(),
        page: 0,
        ..asked.clone()
    };
    let all = Asked { store: asked.store, ..Asked::default() };
    html! {
        form action="/" {
            input type="hidden" name="store" value=(asked.store);
            @if !asked.older.is_empty() { input type="hidden" name="older" value=(asked.older); }
            label { "Kind"
                select name="kind" {
                    option value="" { "all" }
                    @for kind in Kind::ALL {
                        option value=(kind.name()) selected[asked.kind == kind.name()] { (kind.name()) }
                    }
                }
            }
            label.grow { "Text" input type="search" name="text" value=(asked.text) maxlength="200"; }
            label { "From (UTC)" input type="datetime-local" step="any" name="since" value=(asked.since); }
            label { "To (UTC)" input type="datetime-local" step="any" name="until" value=(asked.until); }
            button type="submit" { "Show" }
        }
        p.ranges {
            @for (name, seconds) in [("5 minutes", 300.0), ("hour", 3600.0), ("day", 86_400.0)] {
                a href=(since(seconds).link("/")) { "Last " (name) } " "
            }
            @if asked.is_filtered() || !asked.older.is_empty() { a href=(all.link("/")) { "All, newest first" } }
        }
    }
}

/// One sentence that says what is shown of what was read.
fn extent(asked: &Asked, window: &Window, selected: usize) -> String {
    if let Some(text) = asked.unreadable() {
        return format!("\"{text}\" is not a moment such as 2025-01-27T17:46:40; it is ignored.");
    }
    let read = grouped(window.lines.len() as u64);
    let newest = if asked.older.is_empty() { "newest" } else { "next older" };
    let times = || window.lines.iter().filter_map(|line| line.time);
    let span = match (times().reduce(f64::min), times().reduce(f64::max)) {
        (Some(oldest), Some(newest)) => format!(", from {} to {}", moment(oldest), moment(newest)),
        _ => String::new(),
    };
    match window.lines.is_empty() {
        true => "No record is visible yet.".to_owned(),
        false if asked.is_filtered() => {
            let selected = grouped(selected as u64);
            format!("{selected} match, of the {newest} {read} records{span}.")
        }
        false => format!("The {newest} {read} records{span}."),
    }
}

fn item(asked: &Asked, line: &Line) -> Markup {
    let id = line.id();
    let own = Asked { id: id.clone(), ..asked.clone() };
    html! {
        li { details #(format!("r{id}")) {
            summary {
                span.time { @if let Some(time) = line.time { (moment(time)) } }
                (kind_name(line))
                code { (excerpt(&line.text, SHOWN)) }
            }
            div.record {
                @if line.text.len() <= OPENED { (copyable(&line.text)) }
                p { a href=(own.link("/record")) { "This record on its own page" } }
            }
        } }
    }
}

fn kind_name(line: &Line) -> Markup {
    let name = line.kind.map_or("unclear", Kind::name);
    html! { span class=(format!("kind {name}")) { (name) } }
}

fn copyable(record: &str) -> Markup {
    let cut = record.char_indices().nth(WHOLE).map(|(end, _)| end);
    html! {
        button.copy type="button" hidden { "Copy" }
        pre tabindex="0" { (pretty(cut.and_then(|end| record.get(..end)).unwrap_or(record))) }
        @if cut.is_some() {
            p.note { "Cut after " (grouped(WHOLE as u64)) " characters; papyra persistence read returns all." }
        }
    }
}

fn paging(asked: &Asked, window: &Window, selected: usize) -> Markup {
    let page = |page| Asked { page, ..asked.clone() }.link("/");
    let pages = selected.div_ceil(LISTED);
    let older =
        window.older.as_ref().map(|cursor| Asked { older: name(cursor), page: 0, ..asked.clone() });
    html! {
        nav.pages aria-label="Pages" {
            @if asked.page > 0 { a rel="prev" href=(page(asked.page - 1)) { "← Newer" } }
            @if pages > 1 { span { "page " (asked.page.saturating_add(1)) " of " (pages) } }
            @if asked.page.saturating_add(1) < pages { a rel="next" href=(page(asked.page + 1)) { "Next →" } }
            @if let Some(older) = older { a href=(older.link("/")) { "Look at older records" } }
        }
    }
}
