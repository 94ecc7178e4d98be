//! Files in another encoding than NDJSON in UTF-8, known by how they begin.

/// What a file that begins with these bytes is, and how to make text of it.
pub fn encoding(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const KNOWN: [(&[u8], &str, &str); 4] = [
        (b"\x1F\x8B", "gzip", "unpack it with gunzip"),
        (b"\x28\xB5\x2F\xFD", "zstd", "unpack it with zstd -d"),
        (b"\xFF\xFE", "UTF-16", "convert it with iconv -f UTF-16 -t UTF-8"),
        (b"\xFE\xFF", "UTF-16", "convert it with iconv -f UTF-16 -t UTF-8"),
    ];
    match KNOWN.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        Some((_, name, hint)) => Some((name, hint)),
        // Without a mark: every other byte of ASCII text is NUL.
        None => match bytes {
            [b'{', 0, b'"', 0, ..] => {
                Some(("UTF-16", "convert it with iconv -f UTF-16LE -t UTF-8"))
            }
            [0, b'{', 0, b'"', ..] => {
                Some(("UTF-16", "convert it with iconv -f UTF-16BE -t UTF-8"))
            }
            _ => None,
        },
    }
}
