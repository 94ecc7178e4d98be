//! Encoding, checked by masks like everything else.

use super::simd::{BLOCK, Block};

/// Whether `buf[start..end]`, a line from the start of a character on, is UTF-8. The line ends with
/// the buffer or at a newline, which stands in for the end of a character cut short.
///
/// Made for lines that are mostly ASCII with a few characters beyond, where the standard
/// library leaves its fast path again and again.
#[inline(never)]
pub fn is_valid(buf: &[u8], start: usize, end: usize) -> bool {
    // Continuation bytes that the block before asked for.
    let mut pending = 0;
    let mut at = start;
    while at <= end {
        let block = Block::load(buf, at).unwrap_or_else(|| Block::load_tail(buf, at));
        if pending != 0 || block.any_non_ascii() {
            let length = end - at;
            let line = if length < BLOCK { (1 << length) - 1 } else { !0 };
            match follows(buf, at, block, pending, line) {
                Some(beyond) => pending = beyond,
                None => return false,
            }
        }
        at += BLOCK;
    }
    true
}

/// Whether the block goes on well after `pending`; if so, what it leaves pending in its turn.
/// Only the bytes in `line` belong to the line.
#[inline(always)]
fn follows(buf: &[u8], at: usize, block: Block, pending: u64, line: u64) -> Option<u64> {
    let two_or_more = !block.below(0xc0);
    let three_or_more = !block.below(0xe0);
    let four = !block.below(0xf0);
    let continuation = !block.below(0x80) & !two_or_more;

    let wanted = pending | two_or_more << 1 | three_or_more << 2 | four << 3;
    let line_and_newline = line << 1 | 1;
    if (wanted ^ continuation) & line_and_newline != 0 {
        return None;
    }

    let mut narrow = block.narrow_leads() & line;
    while narrow != 0 {
        let lead = at + narrow.trailing_zeros() as usize;
        narrow &= narrow - 1;
        match (buf.get(lead)?, buf.get(lead + 1)?) {
            (0xe0, 0xa0..=0xbf)
            | (0xed, 0x80..=0x9f)
            | (0xf0, 0x90..=0xbf)
            | (0xf4, 0x80..=0x8f) => {}
            _ => return None,
        }
    }
    Some(two_or_more >> 63 | three_or_more >> 62 | four >> 61)
}
