//! Connections: a maximum number at a time, each for no longer than an honest client needs.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::REQUEST_LIMIT;

/// Connections that are open at the same time; others wait to be taken. It must stay below the usual
/// limit of a process on open files, which is 1024.
const MAX_CONNECTIONS: u32 = 512;

/// Maximum duration until the head of a request has arrived, idling included.
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// Maximum duration of a connection; a client with more requests connects again.
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);

/// Additional duration, beyond that of a request, for a client that does not read its answer.
const SLACK: Duration = Duration::from_secs(5);

/// Answers until `stop` completes; then finishes what it is answering.
pub(super) async fn serve(
    mut listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.ok()?;
            // It passes over what fails, and waits where open files are lacking.
            let (stream, _) = Listener::accept(&mut listener).await;
            Some((stream, place))
        };
        tokio::select! {
            () = &mut stop => break,
            Some((stream, place)) = next => {
                tokio::spawn(answer(stream, router.clone(), stopped.clone(), place));
            }
        }
    }
    drop((listener, stopping));
    // All places are free when the last connection has ended.
    let _ = places.acquire_many(MAX_CONNECTIONS).await;
}

async fn answer(
    stream: TcpStream,
    router: Router,
    mut stopped: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // How a client ends is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = tokio::time::sleep(CONNECTION_LIMIT) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(REQUEST_LIMIT + SLACK, connection).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_is_being_answered_when_it_stops_is_finished() {
        let (asked, go_on, stop) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Notify::new());
        let (tell, wait) = (asked.clone(), go_on.clone());
        let handler = async move || {
            tell.notify_one();
            wait.notified().await;
            "done"
        };
        let router = Router::new().route("/", get(handler));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
            asked.notified().await;
            stop.notify_one();
            // It takes nobody any more, and so has seen that it is to stop.
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
            go_on.notify_one();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let ((), answer) = tokio::join!(serve(listener, router, stop.notified()), client);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    }
}
