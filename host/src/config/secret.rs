//! What must not be shown.

use crate::store::{has_secrets, url_scheme};

/// Parameters whose values are no secrets. A misspelt one can hold anything.
const HARMLESS: [&str; 10] = [
    "prefix",
    "system_id",
    "scan_sample_size",
    "max_read",
    "approx_trim",
    "quarantine_prefix",
    "timeout",
    "tls",
    "ca",
    "cert",
];

/// A URL without its password. When in doubt, more is hidden: a password can contain anything, and
/// what is mistyped holds one as well.
pub(super) fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else { return url.to_owned() };
    if url_scheme(url).is_none() && !rest.starts_with("//") {
        return url.to_owned();
    }
    let shown = match has_secrets(scheme) {
        true => without_credentials(rest),
        false => without_values(rest, is_secret),
    };
    format!("{scheme}:{shown}")
}

/// What follows the name of a server's kind. The slashes are kept, also where there are too few: it
/// is to be seen what is mistyped.
fn without_credentials(rest: &str) -> String {
    let address = rest.trim_start_matches('/');
    let slashes = rest.strip_suffix(address).unwrap_or_default();
    let (mark, address) =
        address.rsplit_once('@').map_or(("", address), |(_, address)| ("***@", address));
    let mut hosts = address.split(['/', '?']).take(1).flat_map(|hosts| hosts.split(','));
    // A target of log events, such as `papyra_persistence::store`, begins like this and is none.
    let is_server = !slashes.is_empty() || !address.starts_with(':');
    if is_server && !hosts.all(is_host) {
        return format!("{slashes}***");
    }
    let harmless = |name: &str| HARMLESS.contains(&name);
    format!("{slashes}{mark}{}", without_values(address, |name| !harmless(name)))
}

/// Whether no more than a port follows the name: where the `@` is forgotten, it is a password.
fn is_host(host: &str) -> bool {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Hides the values of these parameters.
fn without_values(url: &str, secret: impl Fn(&str) -> bool) -> String {
    let Some((before, parameters)) = url.split_once('?') else { return url.to_owned() };
    let hide = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if secret(name) => format!("{name}=***"),
        None if secret(pair) => "***".to_owned(),
        _ => pair.to_owned(),
    };
    let parameters: Vec<_> = parameters.split('&').map(hide).collect();
    format!("{before}?{}", parameters.join("&"))
}

/// Whether a name says that its value is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["pass", "secret", "token", "auth", "key"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_whatever_they_contain() {
        for (url, shown) in [
            ("redis://h/0", "redis://h/0"),
            ("redis://u:p@h/0?prefix=x", "redis://***@h/0?prefix=x"),
            ("redis://:p@ss@h", "redis://***@h"),
            ("redis://:p/a?s@h", "redis://***@h"),
            ("redis+cluster://u:p@a,b", "redis+cluster://***@a,b"),
            ("redis://h?password=x&prefix=y", "redis://h?password=***&prefix=y"),
            ("redis://h:1,[::1]:2/0?tls=on&key=c", "redis://h:1,[::1]:2/0?tls=on&key=***"),
            ("file:/a@b?sync=never", "file:/a@b?sync=never"),
            ("/a/b@c", "/a/b@c"),
            ("a?b=c", "a?b=c"),
            ("papyra_persistence::store=loud", "papyra_persistence::store=loud"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }

    #[test]
    fn passwords_are_hidden_in_what_is_mistyped() {
        for (url, shown) in [
            ("redis:/:hunter2@h", "redis:/***@h"),
            ("redis:///:hunter2@h", "redis:///***@h"),
            ("redis:hunter2@h", "redis:***@h"),
            ("REDIS+sentinel:/:hunter2@h/m", "REDIS+sentinel:/***@h/m"),
            ("redis://u:hunter2", "redis://***"),
            ("redis:u:hunter2", "redis:***"),
            ("redis://:hunter2", "redis://***"),
            ("redis://u:hunter2/0?prefix=x", "redis://***"),
            ("redis://a:1,u:hunter2", "redis://***"),
            ("redis://u:hun@ter:2x", "redis://***"),
            ("redis://h?pw=hunter2", "redis://h?pw=***"),
            ("redis://h?hunter2", "redis://h?***"),
            (" redis://:hunter2@h", " redis://***@h"),
            ("file://a?password=hunter2", "file://a?password=***"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
