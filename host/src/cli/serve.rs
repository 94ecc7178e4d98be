//! `serve`: watch a journal over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use papyra::Engine;
use papyra::serve::Server;
use tokio::net::TcpListener;

use super::Context;
use super::args::{RetentionArgs, TargetArgs};
use super::exit::{self, Exit};
use super::problem::{self, Problem};
use super::target::Wishes;
use super::values;

/// Show a journal's state over HTTP: metrics, probes and a page
///
/// /metrics is for Prometheus, /healthz and /readyz for a supervisor, / for a person. Nothing that is
/// asked for changes the journal. There is no password: keep it on loopback, or behind a proxy.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  papyra serve --path app.ndjson\n  \
     papyra serve --path app.ndjson --listen 127.0.0.1:0 --check-every 10s\n\n{}",
    exit::help(&[(Exit::Done, "never: it runs until it is interrupted")])
))]
pub(super) struct ServeArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// How often to look at what was appended; more rarely if looking takes long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::timeout)]
    check_every: Duration,
}

pub(super) async fn run(args: ServeArgs, context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    let store = args.target.open(Wishes::default())?;
    let engine = Engine::new()
        .map_err(|error| Problem::new(Exit::Failed, "engine", problem::chain(&error)))?;
    let cannot = |error| Problem::io(&format!("cannot listen on {}", args.listen), &error);
    let listener = TcpListener::bind(args.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    if !address.ip().is_loopback() {
        context.output.note("whoever reaches this address sees the records; there is no password");
    }
    context.output.note(&format!("listening on http://{address}/"));
    Server::new(&engine, vec![store])
        .retention(&args.retention.policy()?)
        .check_every(args.check_every)
        .run(listener, std::future::pending())
        .await
        .map_err(|error| Problem::io("the server stopped", &error))?;
    Ok(Exit::Done)
}
