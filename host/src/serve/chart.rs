//! Records per kind over time, as bars. A click on a bar chooses its time.

use maud::{Markup, html};

use super::asked::{Asked, seconds};
use super::text::{grouped, moment, short_moment, stamp};
use super::window::Line;
use crate::store::{Kind, PerKind};

const BARS: usize = 48;

/// The height of the chart, in its own units; its width is that of the bars.
const HEIGHT: f64 = 100.0;
const BAR: usize = 16;

/// Records per kind, in equal parts of a duration.
struct Chart {
    /// In seconds.
    from: f64,
    to: f64,
    bars: Vec<PerKind<u32>>,
}

impl Chart {
    /// From the oldest record to the newest, or over the time that was asked for.
    fn new(asked: &Asked, lines: &[&Line]) -> Option<Self> {
        let times = || lines.iter().filter_map(|line| line.time);
        let from = seconds(&asked.since).or_else(|| times().reduce(f64::min))?;
        let to = seconds(&asked.until).or_else(|| times().reduce(f64::max))?;
        let width = ((to - from) / BARS as f64).max(f64::MIN_POSITIVE);
        let mut bars = vec![PerKind::default(); BARS];
        for line in lines {
            let (Some(kind), Some(time)) = (line.kind, line.time) else { continue };
            let bar = (((time - from) / width) as usize).min(BARS - 1);
            if let Some(bar) = bars.get_mut(bar) {
                *bar.get_mut(kind) += 1;
            }
        }
        Some(Self { from, to, bars })
    }

    fn time(&self, part: usize, parts: usize) -> f64 {
        self.from + (self.to - self.from) / parts as f64 * part as f64
    }

    fn highest(&self) -> u32 {
        self.bars.iter().map(total).max().unwrap_or(0).max(1)
    }
}

fn total(bar: &PerKind<u32>) -> u32 {
    bar.iter().map(|(_, count)| count).sum()
}

pub(super) fn draw(asked: &Asked, lines: &[&Line]) -> Markup {
    let Some(chart) = Chart::new(asked, lines) else { return html! {} };
    let highest = chart.highest();
    html! {
        div.chart {
            span.most { (grouped(u64::from(highest))) }
            svg viewBox=(format!("0 0 {} {HEIGHT}", BARS * BAR)) preserveAspectRatio="none"
                role="group" aria-label="Records per kind over time" {
                @for (index, bar) in chart.bars.iter().enumerate().filter(|(_, bar)| total(bar) > 0) {
                    (draw_bar(asked, &chart, index, bar, highest))
                }
            }
            div.axis {
                @for part in 0..=4 { span { (short_moment(chart.time(part, 4), chart.to - chart.from)) } }
            }
        }
        p.legend { @for kind in Kind::ALL { span class=(kind.name()) { (kind.name()) } } }
    }
}

/// Every figure is also in the title of its bar, for pointers and screen readers.
fn draw_bar(
    asked: &Asked,
    chart: &Chart,
    index: usize,
    bar: &PerKind<u32>,
    highest: u32,
) -> Markup {
    let (from, to) = (chart.time(index, BARS), chart.time(index + 1, BARS));
    let chosen = Asked { since: stamp(from), until: stamp(to), page: 0, ..asked.clone() };
    let kinds: Vec<_> = bar.iter().filter(|(_, count)| **count > 0).collect();
    let title = kinds.iter().map(|(kind, count)| format!(", {kind} {count}")).collect::<String>();
    // A single record must be seen beside thousands.
    let height = |count: u32| (HEIGHT * f64::from(count) / f64::from(highest)).max(1.5);
    let stacked = kinds.iter().scan(HEIGHT, |top, (kind, count)| {
        *top -= height(**count);
        Some((kind, *top, height(**count)))
    });
    html! {
        a href=(chosen.link("/")) tabindex="-1" {
            title { (moment(from)) (title) }
            rect.all x=(index * BAR) y="0" width=(BAR) height=(HEIGHT) {}
            @for (kind, top, height) in stacked {
                rect class=(kind.name()) x=(index * BAR) y=(format!("{top:.2}")) width=(BAR - 2)
                    height=(format!("{height:.2}")) {}
            }
        }
    }
}

/// A small line of figures over time, the last one at the right; gaps where there is none.
pub(super) fn sparkline(figures: &[Option<u64>]) -> Markup {
    let highest = figures.iter().flatten().max().copied().unwrap_or(0).max(1);
    let points = figures.iter().enumerate().filter_map(|(index, figure)| {
        let x = index as f64 * 100.0 / figures.len().saturating_sub(1).max(1) as f64;
        figure.map(|figure| format!("{x:.1},{:.1} ", 19.0 - 18.0 * figure as f64 / highest as f64))
    });
    html! {
        svg.spark viewBox="0 0 100 20" preserveAspectRatio="none" role="img"
            aria-label=(format!("lag over {} checks, maximum {}", figures.len(), grouped(highest))) {
            polyline points=(points.collect::<String>()) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, time: f64) -> Line {
        Line { kind: Some(kind), time: Some(time), text: String::new() }
    }

    #[test]
    fn every_record_is_in_one_bar() {
        let (event, audit, metric) = (Kind::Event, Kind::Audit, Kind::Metric);
        let lines = [line(event, 10.0), line(audit, 20.0), line(event, 20.0), line(metric, 15.0)];
        let chart = Chart::new(&Asked::default(), &lines.iter().collect::<Vec<_>>()).unwrap();
        let last = &chart.bars[BARS - 1];
        assert_eq!(*chart.bars[0].get(event), 1);
        assert_eq!(Kind::ALL.map(|kind| *last.get(kind)), [1, 1, 0, 0]);
        assert_eq!(chart.bars.iter().flat_map(PerKind::iter).map(|(_, n)| n).sum::<u32>(), 4);
    }

    #[test]
    fn records_of_one_moment_make_one_bar() {
        let lines = [line(Kind::Event, 10.0), line(Kind::Event, 10.0)];
        let chart = Chart::new(&Asked::default(), &lines.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(*chart.bars[0].get(Kind::Event), 2);
    }
}
