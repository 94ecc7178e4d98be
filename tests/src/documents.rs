//! The documents of the project, as the tests read them.

use std::fs;

use crate::portable::root;

/// A Markdown file.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path from the top of the repository, such as `docs/redis.md`.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// The files at the top of the repository and in `docs/`.
///
/// # Panics
///
/// If one cannot be read.
pub fn pages() -> impl Iterator<Item = Page> {
    let mut names = Vec::new();
    for directory in ["", "docs/"] {
        for entry in fs::read_dir(root().join(directory)).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            let name = format!("{directory}{}", name.to_str().expect("a plain name"));
            names.extend(name.ends_with(".md").then_some(name));
        }
    }
    names.sort();
    names.into_iter().map(|name| Page { text: text(&name), name })
}

/// The content of a document.
///
/// # Panics
///
/// If it cannot be read.
#[must_use]
pub fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// The code of one language in one section of a document.
///
/// # Panics
///
/// If there is no such section.
#[must_use]
pub fn blocks(name: &str, section: &str, language: &str) -> Vec<String> {
    let text = text(name);
    let begin = format!("\n## {section}\n");
    let (_, section) =
        text.split_once(&begin).unwrap_or_else(|| panic!("{name} has no section {section}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

impl Page {
    /// Where its links to other files and headings lead, as they are written.
    ///
    /// # Panics
    ///
    /// If a label has no definition.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let text = prose(&self.text);
        let mut found = Vec::new();
        for (label, rest) in brackets(&text) {
            let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
            let inline = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let defined = rest.strip_prefix(": ").and_then(|rest| rest.split_whitespace().next());
            match (inline, defined) {
                (Some((target, _)), _) | (None, Some(target)) => found.push(target.to_owned()),
                (None, None) => {
                    let definition = format!("\n[{label}]: ");
                    let known = text.contains(&definition);
                    assert!(known, "{}: the label [{label}] leads nowhere", self.name);
                }
            }
        }
        found.retain(|target| !target.contains("://"));
        found
    }
}

/// The text without its code.
fn prose(text: &str) -> String {
    let blocks = text.split("\n```").step_by(2);
    let plain: String = blocks.map(|block| block.split_once('\n').map_or("", |(_, b)| b)).collect();
    plain.split('`').step_by(2).collect()
}

/// What stands in brackets, and what follows.
fn brackets(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('[').skip(1).filter_map(|rest| rest.split_once(']'))
}

/// The anchors of a document's headings, as GitHub makes them.
pub fn anchors(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        let letters = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
        Some(letters.map(|c| if c == ' ' { '-' } else { c }).collect())
    })
}
