//! What must not be shown.

/// A URL without its password. When in doubt, more is hidden: a password can contain anything.
pub(super) fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let is_path = scheme.is_empty() || ["file", "rotating", "memory"].contains(&scheme);
    let is_url = rest.starts_with("//");
    let mut shown = match rest.rfind('@') {
        Some(at) if is_url && !is_path => format!("{scheme}://***{}", rest.get(at..).unwrap_or("")),
        _ => url.to_owned(),
    };
    if let Some((before, parameters)) = shown.split_once('?').filter(|_| is_url || !is_path) {
        let hide = |pair: &str| match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}=***"),
            _ => pair.to_owned(),
        };
        let parameters: Vec<_> = parameters.split('&').map(hide).collect();
        shown = format!("{before}?{}", parameters.join("&"));
    }
    shown
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
            ("file:/a@b?sync=never", "file:/a@b?sync=never"),
            ("/a/b@c", "/a/b@c"),
            ("a?b=c", "a?b=c"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
