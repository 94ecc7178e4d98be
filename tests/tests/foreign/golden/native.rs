//! The engine compiled for this machine, on a journal in memory.

use papyra_engine::failure::Outcome;
use papyra_engine::health::{inspect, scan, startup};
use papyra_engine::operations;
use papyra_engine::read::query::{self, Selection};
use papyra_engine::retention::Retention;
use papyra_engine::testing::Lines;
use papyra_engine::write::append::{self, Accept};

use super::Subject;
use super::case::{Call, Case, Reply, Report, Step};

pub struct Native(Lines);

impl Native {
    pub fn new(case: &Case) -> Self {
        let mut host = Lines::new(case.journal.clone());
        host.now = case.clock;
        Self(host)
    }

    fn run(&mut self, call: &Call) -> Reply {
        let host = &mut self.0;
        let policy = |retention: &_| Retention::try_from(Clone::clone(retention));
        match call {
            Call::Scan(options) => scan::scan(host, *options).map(Report::Scan),
            Call::Recover(options) => operations::recover(host, *options).map(Report::Recovery),
            Call::Compact(retention, options) => {
                operations::compact(host, None, &policy(retention)?, *options)
                    .map(Report::Compaction)
            }
            Call::Inspect(options, retention) => {
                inspect::inspect(host, options.limit, &policy(retention)?).map(Report::Inspection)
            }
            Call::Append(drafts) => append::append(host, drafts).map(Report::Appended),
            Call::AppendLines(lines, lenient) => {
                let accept = if *lenient { Accept::Suspects } else { Accept::Sound };
                append::append_lines(host, lines.clone(), accept).map(Report::Appended)
            }
            Call::StartupCheck(options) => {
                startup::startup_check(host, *options).map(Report::Startup)
            }
            Call::Query(selection, retention) => {
                let mut selection = Selection::try_from(selection.clone())?;
                let policy = policy(retention)?;
                let next = || -> Outcome<_> {
                    let page = query::query(host, &selection, &policy)?;
                    selection.cursor = Some(page.cursor.clone());
                    Ok(page)
                };
                all_pages(next).map(Report::Pages)
            }
        }
    }
}

fn all_pages(mut next: impl FnMut() -> Outcome<query::Page>) -> Outcome<Vec<query::Page>> {
    let mut pages = Vec::new();
    while pages.last().is_none_or(|page: &query::Page| !page.end) {
        pages.push(next()?);
    }
    Ok(pages)
}

impl Subject for Native {
    async fn call(&mut self, step: &Step) -> Reply {
        self.run(&step.call)
    }

    fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        (self.0.data.clone(), self.0.quarantine.clone())
    }
}
