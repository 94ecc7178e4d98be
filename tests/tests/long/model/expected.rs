//! What a journal must contain.

use std::collections::HashSet;

use papyra_persistence::journal::{Retention, Selection};
use papyra_persistence::store::{Kind, MemoryStore};
use papyra_persistence::{Engine, Journal};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub kind: Kind,
    pub text: String,
    pub damaged: bool,
}

/// The lines of a journal, and what they mean.
pub struct Model {
    engine: Engine,
    pub lines: Vec<Line>,
}

impl Model {
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), lines: Vec::new() }
    }

    pub fn records(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.damaged)
    }

    pub fn damaged(&self) -> u64 {
        self.lines.iter().filter(|line| line.damaged).count() as u64
    }

    /// How many bytes the records of a kind have as lines.
    pub fn bytes(&self, kind: Kind) -> u64 {
        self.records().filter(|line| line.kind == kind).map(|line| line.text.len() as u64 + 1).sum()
    }

    /// What a journal in memory with the same records answers.
    pub async fn answer(&self, retention: &Retention, selection: Selection) -> String {
        let journal = Journal::new(&self.engine, MemoryStore::new());
        let all: String = self.records().map(|line| format!("{}\n", line.text)).collect();
        if !all.is_empty() {
            journal.append_lines(&all).await.unwrap();
        }
        text(&journal.with_retention(retention.clone()), selection).await
    }

    /// Compaction removes what retention hides.
    pub async fn compact(&mut self, retention: &Retention) {
        assert_eq!(self.damaged(), 0, "the model cannot tell which damaged lines go");
        let kept = self.answer(retention, Selection::default()).await;
        let kept: HashSet<&str> = kept.lines().collect();
        self.lines.retain(|line| kept.contains(line.text.as_str()));
    }
}

/// All pages of an answer.
pub async fn text(journal: &Journal, selection: Selection) -> String {
    let mut pages = journal.query(selection);
    let mut text = String::new();
    while let Some(page) = pages.next().await.unwrap() {
        text.push_str(&page.records);
    }
    text
}
