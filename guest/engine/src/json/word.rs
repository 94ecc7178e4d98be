//! Eight bytes as one number.

/// The eight bytes from `bytes[at]`, the first in the lowest byte.
#[inline(always)]
pub fn at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The word that `text` makes, padded with zeros.
pub const fn of(text: &str) -> u64 {
    let mut word = 0;
    let mut rest = text.as_bytes();
    while let [head @ .., last] = rest {
        word = word << 8 | *last as u64;
        rest = head;
    }
    word
}

/// The first `length` bytes of a word, 1 to 8, the others zero.
#[inline(always)]
pub const fn first(word: u64, length: u32) -> u64 {
    let unused = u64::BITS - 8 * length;
    word << unused >> unused
}

/// The number that the first `length` bytes, 1 to 8 decimal digits, stand for. Neighbours are
/// joined three times: digits to pairs, pairs to fours, fours to eight.
#[inline(always)]
pub const fn digits(word: u64, length: usize) -> u64 {
    let unused = u64::BITS - 8 * length as u32;
    let ones = (word & 0x0f0f_0f0f_0f0f_0f0f) << unused;
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}
