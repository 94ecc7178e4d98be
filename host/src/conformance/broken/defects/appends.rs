//! Stores that append wrongly.

use std::sync::Arc;
use std::time::Duration;

use super::super::lines::Lines;
use super::super::wrapper::{Base, go};
use super::snapshots::line_by_line;
use super::{Case, On, case};
use crate::store::{Kind, Run, Store, StoreError, StoreErrorKind};

/// Another store that holds these batches, as what would be left after a crash.
async fn durable(base: &Base, spare: usize) -> Result<Arc<dyn Store>, StoreError> {
    let batches = base.held().clone();
    let store = Lines::new(usize::MAX);
    for (lines, runs) in &batches[..batches.len().saturating_sub(spare)] {
        store.append(lines.clone(), runs).await?;
    }
    Ok(Arc::new(store))
}

/// The lines with these changes, and the same runs.
fn changed(lines: &str, change: impl Fn(&str) -> String) -> String {
    lines.lines().map(|line| change(line) + "\n").collect()
}

pub const CASES: &[Case] = &[
    case("append-visible", On::Lines, "a batch is written by the next one", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let before = std::mem::replace(&mut *base.held(), vec![(lines, runs.to_vec())]);
                for (lines, runs) in before {
                    base.store.append(lines, &runs).await?;
                }
                Ok(())
            })
        };
    }),
    case("append-visible", On::Streams, "a batch is written after the answer", |d| {
        d.append = |base, lines, runs| {
            let (store, runs) = (Arc::clone(&base.store), runs.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                store.append(lines, &runs).await
            });
            go(async { Ok(()) })
        };
    }),
    case("append-order", On::Lines, "the lines of a batch come in descending order", |d| {
        d.append = |base, lines, runs| {
            let lines = lines.split_inclusive('\n').rev().collect();
            base.store.append(lines, runs)
        };
    }),
    case("append-order", On::Streams, "every second batch goes before the one before it", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                let Some((line, _)) = lines.split_once('\n') else { return Ok(()) };
                let one = [Run { kind: runs[0].kind, lines: 1 }];
                let rest = lines[line.len() + 1..].to_owned();
                let count = rest.lines().count() as u32;
                if runs.len() == 1 && count > 0 {
                    base.store.append(rest, &[Run { kind: runs[0].kind, lines: count }]).await?;
                    return base.store.append(format!("{line}\n"), &one).await;
                }
                base.store.append(lines, runs).await
            })
        };
    }),
    case("append-exact", On::Lines, "white space at the end of lines is removed", |d| {
        d.append = |base, lines, runs| {
            base.store.append(changed(&lines, |line| line.trim_end().to_owned()), runs)
        };
    }),
    case("append-exact", On::Streams, "a line that was there before is not written", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.held().iter().any(|(before, _)| *before == lines) {
                    return Ok(());
                }
                base.held().push((lines.clone(), runs.to_vec()));
                base.store.append(lines, runs).await
            })
        };
    }),
    case("append-exact", On::Lines, "characters that are not ASCII become question marks", |d| {
        d.append = |base, lines, runs| {
            let plain =
                |line: &str| line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
            base.store.append(changed(&lines, plain), runs)
        };
    }),
    case("append-kinds", On::Streams, "the kind of the first run is that of all", |d| {
        d.append = |base, lines, runs| {
            let kind = runs.first().map_or(Kind::Event, |run| run.kind);
            let runs = [Run { kind, lines: runs.iter().map(|run| run.lines).sum() }];
            go(async move { base.store.append(lines, &runs).await })
        };
    }),
    case("append-kinds", On::Streams, "every run is one line too long", |d| {
        d.append = |base, lines, runs| {
            let mut runs = runs.to_vec();
            if runs.len() > 1 {
                runs[0].lines += 1;
                if let Some(last) = runs.last_mut() {
                    last.lines -= 1;
                }
            }
            go(async move { base.store.append(lines, &runs).await })
        };
    }),
    case("append-empty", On::Lines, "an empty batch is an empty line", |d| {
        d.append = |base, lines, runs| {
            let lines = if lines.is_empty() { "\n".to_owned() } else { lines };
            base.store.append(lines, runs)
        };
    }),
    case("append-empty", On::Streams, "an empty batch fails", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if lines.is_empty() {
                    return Err(StoreError::new(StoreErrorKind::Failed, "nothing to append"));
                }
                base.store.append(lines, runs).await
            })
        };
    }),
    case("append-large", On::Lines, "a batch is cut off at 1 MiB", |d| {
        d.append = |base, mut lines, runs| {
            if lines.len() > 1 << 20 {
                let fits = |(at, _): &(usize, &str)| *at < 1 << 20;
                let end = lines.match_indices('\n').take_while(fits).last();
                lines.truncate(end.map_or(0, |(at, _)| at + 1));
            }
            base.store.append(lines, runs)
        };
    }),
    case("append-large", On::Streams, "a long line is cut off at 64 KiB", |d| {
        d.append = |base, lines, runs| {
            let cut = |line: &str| line.chars().take(65_536).collect();
            base.store.append(changed(&lines, cut), runs)
        };
    }),
    case("append-concurrent", On::Lines, "a batch that comes during another is lost", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                if base.next() > 0 {
                    base.set(0);
                    return Ok(());
                }
                tokio::task::yield_now().await;
                let done = base.store.append(lines, runs).await;
                base.set(0);
                done
            })
        };
    }),
    case("append-concurrent", On::Parts, "concurrent batches interleave", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                // Alone it is written at once.
                let alone = base.next() == 0;
                tokio::task::yield_now().await;
                let done = match alone && base.so_far() == 1 {
                    true => base.store.append(lines, runs).await,
                    false => line_by_line(base, lines, runs).await,
                };
                base.set(base.so_far().saturating_sub(1));
                done
            })
        };
    }),
    case("append-durable", On::Lines, "the last batch is made durable by the next one", |d| {
        d.append = |base, lines, runs| {
            base.held().push((lines.clone(), runs.to_vec()));
            base.store.append(lines, runs)
        };
        d.reopen = |base| go(durable(base, 1));
    }),
    case("append-durable", On::Streams, "nothing is ever durable", |d| {
        d.reopen = |base| go(durable(base, usize::MAX));
    }),
    case("append-cancelled", On::Lines, "a batch that is cancelled blocks the next", |d| {
        d.append = |base, lines, runs| {
            go(async move {
                while base.next() > 0 {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
                let done = base.store.append(lines, runs).await;
                base.set(0);
                done
            })
        };
    }),
    case("append-cancelled", On::Parts, "half of a batch that is cancelled is written", |d| {
        struct Half<'a>(&'a Base, String);
        impl Drop for Half<'_> {
            fn drop(&mut self) {
                let mut rest = self.1.split_inclusive('\n');
                if let Some(line) = rest.next().filter(|_| rest.next().is_some()) {
                    let run = [Run { kind: Kind::Event, lines: 1 }];
                    let _ = super::super::wrapper::now(self.0.store.append(line.to_owned(), &run));
                }
            }
        }
        d.append = |base, lines, runs| {
            go(async move {
                let mut half = Half(base, lines);
                tokio::task::yield_now().await;
                let lines = std::mem::take(&mut half.1);
                base.store.append(lines, runs).await
            })
        };
    }),
];
