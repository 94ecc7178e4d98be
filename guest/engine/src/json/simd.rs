//! Sixty-four bytes at a time: loads, and comparisons that come back as one bit per byte.
//!
//! Three implementations of one sixteen-byte [`Lane`], chosen when compiling: WebAssembly
//! `simd128`, SSE2 (every x86-64), and plain arrays elsewhere. All `unsafe` of the validator
//! is in the two load functions here.

use core::mem::MaybeUninit;

/// Bytes in a [`Block`]; one `u64` mask describes them.
pub const BLOCK: usize = 64;
/// Bytes in a [`Lane`].
const LANE: usize = 16;
/// Bytes in which nearly every number fits.
pub const WINDOW: usize = 2 * LANE;

/// Sixty-four bytes in registers.
#[derive(Clone, Copy)]
pub struct Block([Lane; 4]);

impl Block {
    /// The bytes from `buf[at]`. What lies past the end reads as `\n`, so that a line always
    /// ends in the block that holds its last byte or the one after.
    #[inline(always)]
    pub fn load(buf: &[u8], at: usize) -> Self {
        // Choosing an address, not a block, keeps the block in registers.
        let mut padded = MaybeUninit::uninit();
        let bytes = match buf.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => bytes,
            None => pad(buf, at, &mut padded),
        };
        // SAFETY: the four lanes are bytes 0..64 of an array of 64 bytes.
        unsafe {
            let from = bytes.as_ptr();
            Self([
                Lane::load(from),
                Lane::load(from.add(LANE)),
                Lane::load(from.add(2 * LANE)),
                Lane::load(from.add(3 * LANE)),
            ])
        }
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
        self.mask(|lane| lane.min(Lane::splat(0x1f)).equal(lane))
    }

    /// Whether there is a control character.
    #[inline(always)]
    pub fn any_control(self) -> bool {
        let [a, b, c, d] = self.0;
        let least = a.min(b).min(c.min(d));
        least.min(Lane::splat(0x1f)).equal(least).bits() != 0
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

    /// Where the byte is at least `least`.
    #[inline(always)]
    pub fn at_least(self, least: u8) -> u64 {
        self.mask(|lane| lane.min(Lane::splat(least)).equal(Lane::splat(least)))
    }

    /// Where the byte leads a UTF-8 character whose second byte is not just any continuation:
    /// `e0`, `ed`, `f0` and `f4`, and those that lead none: `c0`, `c1`, and from `f5` on.
    #[inline(always)]
    pub fn narrow_leads(self) -> u64 {
        self.mask(|lane| {
            let is = |byte| lane.equal(Lane::splat(byte));
            let overlong = is(0xc0).or(is(0xc1)).or(is(0xe0)).or(is(0xf0));
            let beyond = lane.min(Lane::splat(0xf4)).equal(Lane::splat(0xf4));
            overlong.or(is(0xed)).or(beyond)
        })
    }
}

/// Whether any block had a byte beyond ASCII, found without a branch for each.
#[derive(Clone, Copy)]
pub struct Seen(Lane);

impl Seen {
    #[inline(always)]
    pub fn add(&mut self, block: Block) {
        let [a, b, c, d] = block.0;
        self.0 = self.0.or(a.or(b).or(c.or(d)));
    }

    #[inline(always)]
    pub fn ascii(self) -> bool {
        self.0.bits() == 0
    }
}

impl Default for Seen {
    #[inline(always)]
    fn default() -> Self {
        Self(Lane::splat(0))
    }
}

/// Copies what is left from `buf[at]` on.
#[cold]
#[inline(never)]
fn pad<'a>(buf: &[u8], at: usize, padded: &'a mut MaybeUninit<[u8; BLOCK]>) -> &'a [u8; BLOCK] {
    let padded = padded.write([b'\n'; BLOCK]);
    for (to, from) in padded.iter_mut().zip(buf.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    padded
}

impl Lane {
    #[inline(always)]
    fn digits(self) -> Self {
        let value = self.sub(Self::splat(b'0'));
        value.min(Self::splat(9)).equal(value)
    }
}

/// Which of `bytes` are ASCII digits.
#[inline(always)]
pub fn digits(bytes: &[u8; WINDOW]) -> u32 {
    // SAFETY: the two lanes are bytes 0..32 of an array of 32 bytes.
    let lanes = unsafe { [Lane::load(bytes.as_ptr()), Lane::load(bytes.as_ptr().add(LANE))] };
    let [low, high] = lanes.map(|lane| u32::from(lane.digits().bits()));
    low | high << LANE
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod lane {
    use core::arch::wasm32::{
        i8x16_bitmask, i8x16_eq, i8x16_sub, u8x16_min, u8x16_splat, v128, v128_load, v128_or,
    };

    #[derive(Clone, Copy)]
    pub struct Lane(v128);

    impl Lane {
        /// # Safety
        /// Sixteen bytes from `from` are readable.
        #[inline(always)]
        pub unsafe fn load(from: *const u8) -> Self {
            // SAFETY: as promised by the caller; the instruction takes any alignment.
            Self(unsafe { v128_load(from.cast()) })
        }
        #[inline(always)]
        pub fn splat(byte: u8) -> Self {
            Self(u8x16_splat(byte))
        }
        #[inline(always)]
        pub fn equal(self, other: Self) -> Self {
            Self(i8x16_eq(self.0, other.0))
        }
        #[inline(always)]
        pub fn min(self, other: Self) -> Self {
            Self(u8x16_min(self.0, other.0))
        }
        #[inline(always)]
        pub fn or(self, other: Self) -> Self {
            Self(v128_or(self.0, other.0))
        }
        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            Self(i8x16_sub(self.0, other.0))
        }
        /// The highest bit of each byte.
        #[inline(always)]
        pub fn bits(self) -> u16 {
            i8x16_bitmask(self.0)
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod lane {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_sub_epi8,
    };

    #[derive(Clone, Copy)]
    pub struct Lane(__m128i);

    macro_rules! sse2 {
        ($operation:expr) => {
            // SAFETY: every x86-64 has SSE2, and only `load` touches memory.
            unsafe { $operation }
        };
    }

    impl Lane {
        /// # Safety
        /// Sixteen bytes from `from` are readable.
        #[inline(always)]
        pub unsafe fn load(from: *const u8) -> Self {
            Self(sse2!(_mm_loadu_si128(from.cast())))
        }
        #[inline(always)]
        pub fn splat(byte: u8) -> Self {
            Self(sse2!(_mm_set1_epi8(byte.cast_signed())))
        }
        #[inline(always)]
        pub fn equal(self, other: Self) -> Self {
            Self(sse2!(_mm_cmpeq_epi8(self.0, other.0)))
        }
        #[inline(always)]
        pub fn min(self, other: Self) -> Self {
            Self(sse2!(_mm_min_epu8(self.0, other.0)))
        }
        #[inline(always)]
        pub fn or(self, other: Self) -> Self {
            Self(sse2!(_mm_or_si128(self.0, other.0)))
        }
        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            Self(sse2!(_mm_sub_epi8(self.0, other.0)))
        }
        /// The highest bit of each byte.
        #[inline(always)]
        pub fn bits(self) -> u16 {
            // The upper half of the result is always zero.
            sse2!(_mm_movemask_epi8(self.0)) as u16
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))))]
mod lane {
    #[derive(Clone, Copy)]
    pub struct Lane([u8; 16]);

    impl Lane {
        /// # Safety
        /// Sixteen bytes from `from` are readable.
        pub unsafe fn load(from: *const u8) -> Self {
            // SAFETY: as promised by the caller; an array of bytes has no alignment.
            Self(unsafe { from.cast::<[u8; 16]>().read() })
        }
        pub fn splat(byte: u8) -> Self {
            Self([byte; 16])
        }
        pub fn equal(self, other: Self) -> Self {
            self.zip(other, |a, b| if a == b { 0xff } else { 0 })
        }
        pub fn min(self, other: Self) -> Self {
            self.zip(other, u8::min)
        }
        pub fn or(self, other: Self) -> Self {
            self.zip(other, |a, b| a | b)
        }
        pub fn sub(self, other: Self) -> Self {
            self.zip(other, u8::wrapping_sub)
        }
        /// The highest bit of each byte.
        pub fn bits(self) -> u16 {
            self.0.iter().rev().fold(0, |bits, byte| bits << 1 | u16::from(byte >> 7))
        }
        fn zip(mut self, other: Self, f: impl Fn(u8, u8) -> u8) -> Self {
            for (a, b) in self.0.iter_mut().zip(other.0) {
                *a = f(*a, b);
            }
            self
        }
    }
}

use lane::Lane;
