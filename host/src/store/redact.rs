//! Redacts what can be secret in store URLs. What its backend understands is shown with `***` for
//! credentials; of anything else only the scheme is shown.

use std::fmt;

use super::registry;
#[cfg(feature = "config")]
use super::url::scheme;
use super::url::{StoreUrl, has_credentials};

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, scheme) = (&self.text, self.scheme());
        if !understands(self) {
            return write!(f, "{scheme}:…");
        }
        let Some((kind, rest)) = text.split_once("//").filter(|_| has_credentials(scheme)) else {
            return f.write_str(text);
        };
        let (authority, more) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        match authority.rsplit_once('@') {
            // A password with a `/` or `?` that is not percent-encoded.
            _ if more.contains('@') => write!(f, "{scheme}:…"),
            Some((_, hosts)) => write!(f, "{kind}//***@{hosts}{more}"),
            None => f.write_str(text),
        }
    }
}

/// Whether nothing in this URL can be a secret, but for the credentials of a server.
fn understands(url: &StoreUrl) -> bool {
    match url.scheme() {
        "file" => url.allow(&registry::FILE).is_ok(),
        "rotating" => url.allow(&registry::ROTATING).is_ok(),
        "memory" => url.allow(&registry::MEMORY).is_ok(),
        #[cfg(feature = "redis")]
        scheme if super::redis::SCHEMES.contains(&scheme) => super::redis::understands(url),
        // A word with a colon, more likely than a URL.
        _ => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !url.has_parameters() && url.rest().chars().all(plain)
        }
    }
}

/// Returns a URL, or a word that may have been meant as one, without what can be secret.
#[cfg(feature = "config")]
pub(crate) fn redacted(word: &str) -> String {
    match (scheme(word), word.split_once("://")) {
        // The name of a backend, mistyped.
        (None, Some((head, _))) if !head.contains('/') => format!("{head}://…"),
        (None, _) => word.to_owned(),
        (Some(scheme), _) => match StoreUrl::parse(word) {
            Ok(url) => url.to_string(),
            Err(_) => format!("{scheme}:…"),
        },
    }
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::*;

    #[cfg(feature = "redis")]
    #[test]
    fn passwords_are_hidden_whatever_they_contain() {
        for (url, shown) in [
            ("redis://h/0", "redis://h/0"),
            ("redis://u:p@h/0?prefix=x", "redis://***@h/0?prefix=x"),
            ("redis://:p@ss@h", "redis://***@h"),
            ("redis://:p/a?s@h", "redis:…"),
            ("redis+cluster://u:p@a,b", "redis+cluster://***@a,b"),
            ("redis+sentinel://u:p@a/m/2?timeout=1m", "redis+sentinel://***@a/m/2?timeout=1m"),
            ("redis://h?password=x&prefix=y", "redis:…"),
            ("redis://s3?prefix=cret@h", "redis:…"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }

    #[test]
    fn what_holds_no_password_is_shown_as_it_is_written() {
        for word in [
            "file:/a@b?sync=never",
            "FILE:a?evidence=q",
            "/a/b@c",
            "a?b=c",
            "papyra_persistence::store=loud",
            "interval:0",
            "localhost:x",
        ] {
            assert_eq!(redacted(word), word);
        }
    }

    #[test]
    fn passwords_are_hidden_in_what_is_mistyped() {
        for url in [
            "redis:/:hunter2@h",
            "redis:///:hunter2@h",
            "redis:hunter2@h",
            "REDIS+sentinel:/:hunter2@h/m",
            "redis://u:hunter2",
            "redis:u:hunter2",
            "redis:hunter2",
            "redis://:hunter2",
            "redis://u:hunter2/0?prefix=x",
            "redis://a:1,u:hunter2",
            "redis://u:hun@ter:2x",
            "redis://h?pw=hunter2",
            "redis://h?hunter2",
            "redsi://:hunter2@h",
            "mine:u:hunter2",
            "mine:a?hunter2=1",
            " redis://:hunter2@h",
            "file://a?password=hunter2",
        ] {
            let shown = redacted(url);
            let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
            assert!(shown.ends_with('…') && !shown.contains("hunter"), "{url}: {shown}");
            assert!(shown.to_lowercase().starts_with(&scheme.to_lowercase()), "{url}: {shown}");
        }
    }
}
