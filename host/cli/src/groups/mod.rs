//! `groups`: consumer groups as their operators see them, one file per command.

mod ack;
mod claim;
mod create;
mod describe;
mod list;
mod pending;
mod set_id;
mod table;
pub(super) mod values;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use papyra_persistence::config::Config;
use papyra_persistence::consumer::{Group, GroupInfo};
use papyra_persistence::store::Kind;
use serde_json::{Value, json};

use super::Context;
use super::args::TargetArgs;
use super::exit::{self, Exit};
use super::problem::Problem;
use super::text;
use super::values::KindWord;

/// See and steer the groups that consume records
#[derive(Debug, Args)]
#[command(after_help = exit::help(&[(Exit::NotFound, "no such store or group")]))]
pub(super) struct GroupsArgs {
    #[command(subcommand)]
    command: GroupsCommand,
}

#[derive(Debug, Subcommand)]
enum GroupsCommand {
    List(list::ListArgs),
    Describe(describe::DescribeArgs),
    Create(create::CreateArgs),
    Pending(pending::PendingArgs),
    Claim(claim::ClaimArgs),
    Ack(ack::AckArgs),
    SetId(set_id::SetIdArgs),
}

impl GroupsArgs {
    pub fn apply(&self, config: &mut Config) {
        let target = match &self.command {
            GroupsCommand::List(args) => &args.target,
            GroupsCommand::Describe(args) => &args.group.target,
            GroupsCommand::Create(args) => &args.group.target,
            GroupsCommand::Pending(args) => &args.group.target,
            GroupsCommand::Claim(args) => &args.group.target,
            GroupsCommand::Ack(args) => &args.group.target,
            GroupsCommand::SetId(args) => &args.group.target,
        };
        target.apply(config);
    }
}

pub(super) async fn run(args: GroupsArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    let ended = match args.command {
        GroupsCommand::List(args) => list::run(args, context).await,
        GroupsCommand::Describe(args) => describe::run(args, context).await,
        GroupsCommand::Create(args) => create::run(args, context).await,
        GroupsCommand::Pending(args) => pending::run(args, context).await,
        GroupsCommand::Claim(args) => claim::run(args, context).await,
        GroupsCommand::Ack(args) => ack::run(args, context).await,
        GroupsCommand::SetId(args) => set_id::run(args, context).await,
    };
    ended.map(|()| Exit::Done)
}

/// Which group of which store.
#[derive(Debug, Args)]
struct GroupArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    group: String,
    /// The kind of records that it consumes
    #[arg(long, value_name = "KIND", value_enum, ignore_case = true, default_value = "event")]
    kind: KindWord,
}

impl GroupArgs {
    fn open(&self, context: &Context<'_>) -> Result<Group, Problem> {
        let journal = context.journal_of(self.kind.into())?;
        Ok(journal.group(self.kind.into(), &self.group))
    }

    /// The group and its kind, as a document begins.
    fn fields(&self) -> Value {
        json!({ "kind": Kind::from(self.kind).name(), "group": self.group })
    }

    /// `events of billing`, for people.
    fn title(&self) -> String {
        format!("{} ({})", text::printable(&self.group), Kind::from(self.kind).name())
    }
}

/// What the backend does not know is unknown, never 0.
pub(super) fn lag(lag: Option<u64>) -> String {
    lag.map_or_else(|| "unknown".to_owned(), text::grouped)
}

pub(super) fn group_fields(kind: Kind, group: &GroupInfo) -> Value {
    json!({
        "kind": kind.name(),
        "group": group.name,
        "consumers": group.consumers,
        "pending": group.pending,
        "lag": group.lag,
        "last_delivered": group.last_delivered,
    })
}
