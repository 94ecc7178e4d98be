//! Sixty-four bytes at a time, and comparisons that come back as one bit per byte.

use super::lane::{LANE, Lane};

/// Bytes in a [`Block`]; one `u64` mask describes them.
pub const BLOCK: usize = 64;
/// Bytes in which nearly every number fits.
pub const WINDOW: usize = 2 * LANE;

/// Sixty-four bytes in registers.
#[derive(Clone, Copy)]
pub struct Block([Lane; 4]);

impl Block {
    /// The bytes from `buf[at]`, if there are enough.
    #[inline(always)]
    pub fn load(buf: &[u8], at: usize) -> Option<Self> {
        buf.get(at..)?.first_chunk().map(Self::from_bytes)
    }

    /// The last bytes of `buf`, from `buf[at]` on. What lies past them reads as `\n`, so that a
    /// line always ends in the block that holds its last byte or in the next.
    #[inline(never)]
    pub fn load_tail(buf: &[u8], at: usize) -> Self {
        let mut padded = [b'\n'; BLOCK];
        for (to, from) in padded.iter_mut().zip(buf.get(at..).unwrap_or_default()) {
            *to = *from;
        }
        Self::from_bytes(&padded)
    }

    #[inline(always)]
    fn from_bytes(bytes: &[u8; BLOCK]) -> Self {
        Self([
            Lane::load::<0, BLOCK>(bytes),
            Lane::load::<16, BLOCK>(bytes),
            Lane::load::<32, BLOCK>(bytes),
            Lane::load::<48, BLOCK>(bytes),
        ])
    }

    /// Where `test` holds, one bit per byte, the first byte in the lowest bit.
    #[inline(always)]
    fn mask(self, test: impl Fn(Lane) -> Lane) -> u64 {
        let [a, b, c, d] = self.0.map(|lane| u64::from(test(lane).bits()));
        a | b << 16 | c << 32 | d << 48
    }

    /// Where the byte is `byte`.
    #[inline(always)]
    pub fn equal(self, byte: u8) -> u64 {
        self.mask(|lane| lane.equal(Lane::splat(byte)))
    }

    /// Where the byte is this lower-case letter, in either case.
    #[inline(always)]
    pub fn equal_folded(self, letter: u8) -> u64 {
        self.mask(|lane| lane.or(Lane::splat(0x20)).equal(Lane::splat(letter)))
    }

    /// Where the byte is an ASCII digit.
    #[inline(always)]
    pub fn digits(self) -> u64 {
        self.mask(Lane::digits)
    }

    /// Where the byte is one of `{ } [ ]`: setting bit 5 folds square onto curly.
    #[inline(always)]
    pub fn brackets(self) -> u64 {
        self.mask(|lane| {
            let curly = lane.or(Lane::splat(0x20));
            curly.equal(Lane::splat(b'{')).or(curly.equal(Lane::splat(b'}')))
        })
    }

    /// Where the byte is a control character, below 0x20.
    #[inline(always)]
    pub fn controls(self) -> u64 {
        self.mask(|lane| lane.below(0x20))
    }

    /// Whether there is a control character.
    #[inline(always)]
    pub fn any_control(self) -> bool {
        let [a, b, c, d] = self.0;
        let least = a.min(b).min(c.min(d));
        least.below(0x20).bits() != 0
    }

    /// Whether `byte` occurs.
    #[inline(always)]
    pub fn any_equal(self, byte: u8) -> bool {
        let [a, b, c, d] = self.0.map(|lane| lane.equal(Lane::splat(byte)));
        a.or(b).or(c.or(d)).bits() != 0
    }

    /// Whether there is a byte of 0x80 or above.
    #[inline(always)]
    pub fn any_non_ascii(self) -> bool {
        let [a, b, c, d] = self.0;
        a.or(b).or(c.or(d)).bits() != 0
    }

    /// Where the byte is less than `limit`.
    #[inline(always)]
    pub fn below(self, limit: u8) -> u64 {
        self.mask(|lane| lane.below(limit))
    }

    /// Where the byte leads a UTF-8 character whose second byte is not just any continuation:
    /// `e0`, `ed`, `f0` and `f4`, and those that lead none: `c0`, `c1`, and from `f5` on.
    #[inline(always)]
    pub fn narrow_leads(self) -> u64 {
        self.mask(|lane| {
            let is = |byte| lane.equal(Lane::splat(byte));
            let overlong = is(0xc0).or(is(0xc1)).or(is(0xe0)).or(is(0xf0));
            let beyond = lane.sub(Lane::splat(0xf4)).below(12);
            overlong.or(is(0xed)).or(beyond)
        })
    }
}

/// Which of `bytes` are ASCII digits.
#[inline(always)]
pub fn digits(bytes: &[u8; WINDOW]) -> u32 {
    let lanes = [Lane::load::<0, WINDOW>(bytes), Lane::load::<16, WINDOW>(bytes)];
    let [low, high] = lanes.map(|lane| u32::from(lane.digits().bits()));
    low | high << LANE
}
