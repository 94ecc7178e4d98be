//! Arithmetic on masks that hold one bit per byte, the first byte in the lowest bit.

/// Each bit becomes the parity of the bits up to and including it.
///
/// Over a mask of quotes that marks strings: opening quote and body set, closing quote clear.
#[inline(always)]
pub const fn prefix_xor(mut mask: u64) -> u64 {
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^ mask << 32
}

/// Every bit above `bit`; none above bit 63.
#[inline(always)]
pub const fn above(bit: u32) -> u64 {
    !1 << bit
}

/// Moves each bit that stands on whitespace to the first byte that is not.
///
/// The addition does the walking: a bit at the foot of a run of whitespace carries through
/// the run and comes out above it.
#[inline(always)]
pub const fn skip(mask: u64, space: u64) -> u64 {
    mask.wrapping_add(space) & !space
}

/// Finds the characters that a backslash escapes. Carries a last backslash to the next block.
#[derive(Clone, Copy, Default)]
pub struct Escapes(u64);

impl Escapes {
    /// Whether the first character of the next block is escaped.
    #[inline(always)]
    pub const fn pending(self) -> bool {
        self.0 != 0
    }

    /// The escaped characters, given the backslashes. In a run of backslashes every second
    /// one is itself escaped: subtracting the run from a mask of odd bits flips exactly those
    /// (the trick is simdjson's).
    #[inline(always)]
    pub const fn escaped(&mut self, backslash: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let starts = backslash & !self.0;
        let codes = ((starts << 1 | ODD).wrapping_sub(starts)) ^ ODD;
        let escaped = codes ^ (backslash | self.0);
        self.0 = (codes & backslash) >> 63;
        escaped
    }
}
