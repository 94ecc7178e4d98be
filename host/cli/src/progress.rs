//! Progress of long operations: a bar on a terminal, a line every few seconds elsewhere.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use papyra_persistence::journal::Progress;

use crate::output::{self, Output};
use crate::signals::Interruption;
use crate::text;

/// A bar for less than this would only flicker.
const BAR_AFTER: Duration = Duration::from_millis(300);

/// Interval between lines where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows progress from its making until it is dropped.
pub(super) struct Meter(Arc<Inner>);

struct Inner {
    operation: &'static str,
    began: Instant,
    shown: Shown,
    interruption: Interruption,
}

enum Shown {
    Nothing,
    Bar(Mutex<Option<ProgressBar>>),
    Lines { written: Mutex<Instant> },
}

impl Meter {
    pub fn new(operation: &'static str, output: &Output, interruption: &Interruption) -> Self {
        let began = Instant::now();
        let shown = if output.quiet() {
            Shown::Nothing
        } else if !ProgressDrawTarget::stderr().is_hidden() {
            Shown::Bar(Mutex::new(None))
        } else {
            Shown::Lines { written: Mutex::new(began) }
        };
        Self(Arc::new(Inner { operation, began, shown, interruption: interruption.clone() }))
    }

    /// Returns the callback for the journal.
    pub fn callback(&self) -> impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static {
        let inner = self.0.clone();
        move |progress| inner.advance(progress)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.0.shown
            && let Some(bar) = bar.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            bar.finish_and_clear();
        }
    }
}

impl Inner {
    fn advance(&self, progress: Progress) -> ControlFlow<()> {
        if self.interruption.pending().is_some() {
            return ControlFlow::Break(());
        }
        let total = progress.bytes_total;
        // Bytes that are read twice must not add up to more than the total.
        let done = progress.bytes_done.min(total);
        let elapsed = self.began.elapsed();
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) if elapsed >= BAR_AFTER => {
                let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
                let bar = bar.get_or_insert_with(|| new_bar(self.operation, total));
                bar.set_length(total);
                bar.set_position(done);
                // The bar itself began when it was first shown, and would tell a wrong speed.
                bar.set_prefix(speed(done, total, elapsed));
            }
            Shown::Bar(_) => {}
            Shown::Lines { written } => {
                let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
                if written.elapsed() >= LINE_EVERY {
                    *written = Instant::now();
                    output::eprint_line(&line(self.operation, done, total, elapsed));
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn new_bar(operation: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{msg} {wide_bar} {percent:>3} % of {total_bytes}, {prefix}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(operation);
    bar
}

fn line(operation: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let percent =
        if total == 0 { 100 } else { (u128::from(done) * 100 / u128::from(total)) as u64 };
    let (size, speed) = (text::size(total), speed(done, total, elapsed));
    format!("{operation}: {percent} % of {size}, {speed}")
}

/// The speed, and the time left at that speed.
fn speed(done: u64, total: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
    let mut speed = format!("{}/s", text::size(rate as u64));
    if rate > 0.0 && done < total {
        speed.push_str(&format!(", about {:.0} s left", (total - done) as f64 / rate));
    }
    speed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let text = line("scan", 1 << 30, 4 << 30, Duration::from_secs(10));
        assert_eq!(text, "scan: 25 % of 4.0 GiB, 102.4 MiB/s, about 30 s left");
        assert_eq!(line("scan", 0, 0, Duration::ZERO), "scan: 100 % of 0 B, 0 B/s");
    }
}
