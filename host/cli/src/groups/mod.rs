//! `groups`: manage consumer groups, one file per command.

mod ack;
mod args;
mod claim;
mod create;
mod delete;
mod delete_consumer;
mod describe;
mod list;
mod pending;
pub(super) mod pins;
mod set_id;

use clap::{Args, Subcommand};
use papyra_persistence::config::Config;

use crate::context::Context;
use crate::exit::{self, Exit};
use crate::problem::Problem;

/// Manage consumer groups
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
    Delete(delete::DeleteArgs),
    DeleteConsumer(delete_consumer::DeleteConsumerArgs),
}

impl GroupsArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        let target = match &self.command {
            GroupsCommand::List(args) => &args.target,
            GroupsCommand::Describe(args) => &args.group.target,
            GroupsCommand::Create(args) => &args.group.target,
            GroupsCommand::Pending(args) => &args.group.target,
            GroupsCommand::Claim(args) => &args.group.target,
            GroupsCommand::Ack(args) => &args.group.target,
            GroupsCommand::SetId(args) => &args.group.target,
            GroupsCommand::Delete(args) => &args.group.target,
            GroupsCommand::DeleteConsumer(args) => &args.group.target,
        };
        target.apply(config)
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
        GroupsCommand::Delete(args) => delete::run(args, context).await,
        GroupsCommand::DeleteConsumer(args) => delete_consumer::run(args, context).await,
    };
    ended.map(|()| Exit::Done)
}
