//! Journals over HTTP: metrics for Prometheus, probes for a supervisor, and a page for the person on
//! call.
//!
//! | path | what it returns |
//! |---|---|
//! | `/` | a page: state, counts, anomalies, records over time and one by one, consumer groups |
//! | `/record` | one record in full |
//! | `/page.css`, `/page.js` | the style of the page, and its live view; the page is whole without scripts |
//! | `/metrics` | the same figures as Prometheus text |
//! | `/healthz` | 200 as long as the process answers |
//! | `/readyz` | 200 if the last startup check of every store says that a system may start, else 503 |
//!
//! Nothing here can change a store: all reading goes through a [`ReadOnlyStore`]. A check in the
//! background reads what was appended since the one before, and no request waits for it, so that
//! probes cost nothing however large a store is. A view of the page reads pages of about 1 MiB until it has 10,000
//! records or 7 MiB, and leaves out what it does not show; views of one second share what was read.
//!
//! At most 512 connections are open at a time, and others wait. One whose next request is not there
//! within 5 seconds is closed, and every connection after a minute: no client can keep the probes from being
//! answered by holding connections open.
//!
//! There is no authentication and no encryption. Bind it to loopback (then requests under any other
//! host name are refused, so that no web page can reach it through the operator's browser) or put it
//! behind a proxy that has both.
//!
//! ```no_run
//! # async fn example(engine: papyra_persistence::Engine) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use papyra_persistence::serve::Server;
//! use papyra_persistence::store::FileStore;
//!
//! let store = Arc::new(FileStore::open("/var/lib/app/events.ndjson"));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9464").await?;
//! Server::new(&engine, vec![store]).run(listener, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod asked;
mod chart;
mod connections;
mod findings;
mod guard;
mod lags;
mod page;
mod text;
mod watch;
mod window;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::asked::Asked;
use self::watch::Watched;
use self::window::Window;
use crate::engine::Engine;
use crate::journal::{Retention, StartupMode};
use crate::metrics::store_text;
#[cfg(doc)]
use crate::store::ReadOnlyStore;
use crate::store::Store;

/// Requests that are answered at the same time; others wait.
const MAX_REQUESTS: usize = 16;

/// Maximum duration of a request, waiting included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);

/// The content type of Prometheus text.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One script and one style of ours, nothing from elsewhere, not in anybody's frame, never in a cache.
const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Watches stores and answers for them. See the [module](self).
pub struct Server {
    watched: Vec<Arc<Watched>>,
    check_every: Duration,
}

/// The state that the handlers share.
struct Shared {
    watched: Vec<Arc<Watched>>,
    requests: Semaphore,
}

impl Server {
    /// A server for these stores, each checked every minute.
    #[must_use]
    pub fn new(engine: &Engine, stores: Vec<Arc<dyn Store>>) -> Self {
        let watched = stores.into_iter().map(|store| Arc::new(Watched::new(engine, store)));
        Self { watched: watched.collect(), check_every: Duration::from_secs(60) }
    }

    /// Sets the interval between two checks of a store, at least a second. A check that takes long is
    /// followed by a pause of at least ten times its length.
    #[must_use]
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.check_every = interval.max(Duration::from_secs(1));
        self
    }

    /// Sets the limits of the records that the page shows. Default: none.
    #[must_use]
    pub fn retention(mut self, retention: &Retention) -> Self {
        self.watched = self
            .watched
            .iter()
            .map(|watched| Arc::new(watched.with_retention(retention.clone())))
            .collect();
        self
    }

    /// Sets the rule of `/readyz`: [`StartupMode::Fail`] (the default) or [`StartupMode::ScanOnly`]. A
    /// server repairs nothing, so [`StartupMode::Recover`] judges like `Fail`.
    #[must_use]
    pub fn readiness(mut self, mode: StartupMode) -> Self {
        let mode = match mode {
            StartupMode::Recover => StartupMode::Fail,
            other => other,
        };
        self.watched =
            self.watched.iter().map(|watched| Arc::new(watched.with_mode(mode))).collect();
        self
    }

    /// Answers on `listener` until `stop` completes; then finishes what it is answering.
    ///
    /// # Errors
    ///
    /// Fails if the listener has no address.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let loopback = listener.local_addr()?.ip().is_loopback();
        let checks: Vec<_> = self
            .watched
            .iter()
            .map(|watched| tokio::spawn(watched.clone().keep_checking(self.check_every)))
            .collect();
        connections::serve(listener, self.router(loopback), stop).await;
        checks.iter().for_each(tokio::task::JoinHandle::abort);
        Ok(())
    }

    fn router(self, loopback: bool) -> Router {
        let shared =
            Arc::new(Shared { watched: self.watched, requests: Semaphore::new(MAX_REQUESTS) });
        let router = Router::new()
            .route("/", get(show_page))
            .route("/record", get(show_record))
            .route("/page.css", get(async || file("text/css", include_str!("page.css"))))
            .route("/page.js", get(async || file("text/javascript", include_str!("page.js"))))
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(show_readiness))
            .with_state(shared);
        match loopback {
            true => router.layer(axum::middleware::from_fn(guard::only_local_names)),
            false => router,
        }
    }
}

/// A part of the page that is the same for all.
fn file(kind: &'static str, text: &'static str) -> Response {
    (PAGE_HEADERS, [(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn show_page(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    let looks: Vec<_> = shared.watched.iter().map(|watched| watched.look()).collect();
    show(&shared, &asked, |watched, window| {
        page::render(&looks, watched, &asked, window.as_deref().map_err(String::as_str))
    })
    .await
}

async fn show_record(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    show(&shared, &asked, |_, window| {
        let lines = window.as_ref().map_or(&[][..], |window| &window.lines);
        page::render_record(&asked, lines.iter().find(|line| line.id() == asked.id))
    })
    .await
}

/// Answers with a page of one store, drawn from the window that is asked for.
async fn show(
    shared: &Shared,
    asked: &Asked,
    draw: impl FnOnce(&Watched, &Result<Arc<Window>, String>) -> String,
) -> Response {
    let Some(watched) = shared.watched.get(asked.store) else {
        return (StatusCode::NOT_FOUND, "there is no such store; start again at /\n")
            .into_response();
    };
    let page = async {
        let _turn = shared.requests.acquire().await.ok();
        let window = watched.window(&asked.older).await;
        draw(watched, &window)
    };
    match tokio::time::timeout(REQUEST_LIMIT, page).await {
        Ok(page) => (PAGE_HEADERS, Html(page)).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the stores do not answer\n").into_response(),
    }
}

async fn show_metrics(State(shared): State<Arc<Shared>>) -> Response {
    let looks: Vec<_> = shared.watched.iter().map(|watched| watched.look().figures()).collect();
    match store_text(&looks) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn show_readiness(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = String::new();
    let mut ready = true;
    for watched in &shared.watched {
        let look = watched.look();
        ready &= look.is_ready();
        text.push_str(&format!("{}: {}\n", look.location, look.verdict()));
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}
