//! Arithmetic on masks that hold one bit per byte, the first byte in the lowest bit. What
//! spans two blocks is carried in these small structs.

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

/// Moves a mask up by one, across blocks.
#[derive(Clone, Copy, Default)]
pub struct Next(u64);

impl Next {
    #[inline(always)]
    pub const fn step(&mut self, mask: u64) -> u64 {
        let moved = mask << 1 | self.0;
        self.0 = mask >> 63;
        moved
    }
}

/// Moves each bit to the first byte that is not whitespace, across blocks.
///
/// The addition does the walking: a bit at the foot of a run of whitespace carries through
/// the run and comes out above it. At most one bit may stand at each run, which holds for
/// bits that come from different tokens.
#[derive(Clone, Copy, Default)]
pub struct Skip(u64);

impl Skip {
    /// From the byte after each one in `mask`.
    #[inline(always)]
    pub const fn after(&mut self, mask: u64, space: u64) -> u64 {
        let (sum, pending) = (mask << 1 | self.0).overflowing_add(space);
        self.0 = pending as u64 | mask >> 63;
        sum & !space
    }

    /// From the bytes in `mask` themselves.
    #[inline(always)]
    pub const fn from(&mut self, mask: u64, space: u64) -> u64 {
        let (sum, pending) = (mask | self.0).overflowing_add(space);
        self.0 = pending as u64;
        sum & !space
    }
}

/// Finds the characters that a backslash escapes, across blocks.
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
