//! The options that name a group.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use papyra_persistence::consumer::Group;
use papyra_persistence::store::Kind;
use serde_json::{Value, json};

use crate::args::StoreArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::text;
use crate::values::KindWord;

/// A group of a store.
#[derive(Debug, Args)]
pub(super) struct GroupArgs {
    #[command(flatten)]
    pub target: StoreArgs,
    /// Consumer group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub group: String,
    /// Kind of records that it consumes
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true, default_value = "event")]
    pub kind: KindWord,
}

impl GroupArgs {
    pub fn open(&self, context: &Context<'_>) -> Result<Group, Problem> {
        let journal = context.journal_of(self.kind.into())?;
        Ok(journal.group(self.kind.into(), &self.group))
    }

    /// The group and its kind, as a document begins.
    pub fn fields(&self) -> Value {
        json!({ "kind": Kind::from(self.kind).name(), "group": self.group })
    }

    /// `events of billing`, for people.
    pub fn title(&self) -> String {
        format!("{} ({})", text::printable(&self.group), Kind::from(self.kind).name())
    }
}

/// There is no such group.
pub(super) fn missing(group: &GroupArgs) -> Problem {
    let message = format!("there is no group {}", group.title());
    Problem::new(Exit::NotFound, "not-found", message)
}
