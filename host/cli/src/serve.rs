//! `serve`: watch a journal over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use papyra_persistence::config::Config;
use papyra_persistence::serve::Server;
use tokio::net::TcpListener;

use crate::args::{RetentionArgs, TargetArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::problem::Problem;
use crate::values;

/// Serve metrics, health probes and a status page over HTTP
///
/// /metrics is for Prometheus, /healthz and /readyz for a supervisor, / for a person. No request changes
/// the journal. There is no password: listen on loopback, or behind a proxy that asks for one.
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
    /// Listen address and port; port 0 takes a free one [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Interval between checks; longer if a check takes long [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = values::check_every)]
    check_every: Option<Duration>,
}

impl ServeArgs {
    pub fn apply(&self, config: &mut Config) -> Result<(), Problem> {
        self.target.apply(config)?;
        config.settings.serve_address.by_flag(self.listen, "--listen");
        config.settings.serve_check_every.by_flag(self.check_every, "--check-every");
        self.retention.apply(config)
    }
}

pub(super) async fn run(context: &mut Context<'_>) -> Result<Exit, Problem> {
    "nothing was changed".clone_into(&mut context.output.if_interrupted);
    let (_, targets) = context.route()?;
    if targets.is_empty() {
        return Err(Problem::nowhere());
    }
    let stores = targets.into_iter().map(|target| target.store).collect();
    let wanted = context.config.settings.serve_address.value;
    let cannot = |error| Problem::io(&format!("cannot listen on {wanted}"), &error);
    let listener = TcpListener::bind(wanted).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    if !address.ip().is_loopback() {
        context
            .output
            .note("there is no password: everyone who can reach this address can read the records");
    }
    context.output.note(&format!("listening on http://{address}/"));
    Server::new(&context.engine()?, stores)
        .retention(&context.config.retention())
        .check_every(context.config.settings.serve_check_every.value)
        .run(listener, std::future::pending())
        .await
        .map_err(|error| Problem::io("the server stopped", &error))?;
    Ok(Exit::Done)
}
