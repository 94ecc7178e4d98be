//! Access by local names only.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses requests that do not address this machine by a local name. A web page can make its own
/// name lead to 127.0.0.1 (DNS rebinding), and would otherwise read records through the browser of
/// whoever looks at it.
pub(super) async fn only_local_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match host.is_none_or(is_local) {
        true => next.run(request).await,
        false => {
            let advice = "ask for localhost or 127.0.0.1; this server answers to no other name\n";
            (StatusCode::MISDIRECTED_REQUEST, advice).into_response()
        }
    }
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1:1", "[::1]:80", "127.8.8.8"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["", "evil.example:9464", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
