//! Sixteen bytes in a register: WebAssembly `simd128`, SSE2 (every x86-64), or an array
//! elsewhere. All `unsafe` of the validator is in this file.

pub use arch::Lane;

/// Bytes in a [`Lane`].
pub const LANE: usize = 16;

impl Lane {
    /// Unsigned comparison by a signed one, which is what processors have.
    #[inline(always)]
    pub fn below(self, limit: u8) -> Self {
        self.sub(Self::splat(0x80)).below_signed(Self::splat(limit ^ 0x80))
    }

    /// Which bytes are ASCII digits.
    #[inline(always)]
    pub fn digits(self) -> Self {
        self.sub(Self::splat(b'0' + 0x80)).below_signed(Self::splat(10 ^ 0x80))
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod arch {
    use super::LANE;
    use core::arch::wasm32::{
        i8x16_bitmask, i8x16_eq, i8x16_lt, i8x16_sub, u8x16_min, u8x16_splat, v128, v128_load,
        v128_or,
    };

    #[derive(Clone, Copy)]
    pub struct Lane(v128);

    impl Lane {
        /// The sixteen bytes from `bytes[FROM]`.
        #[inline(always)]
        pub fn load<const FROM: usize, const N: usize>(bytes: &[u8; N]) -> Self {
            const { assert!(FROM + LANE <= N) }
            // SAFETY: the assertion keeps the load within the array, and it takes any alignment.
            Self(unsafe { v128_load(bytes.as_ptr().add(FROM).cast()) })
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
        #[inline(always)]
        pub fn below_signed(self, other: Self) -> Self {
            Self(i8x16_lt(self.0, other.0))
        }
        /// The highest bit of each byte.
        #[inline(always)]
        pub fn bits(self) -> u16 {
            i8x16_bitmask(self.0)
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use super::LANE;
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8,
        _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8,
    };

    #[derive(Clone, Copy)]
    pub struct Lane(__m128i);

    macro_rules! sse2 {
        ($operation:expr) => {
            // SAFETY: every x86-64 has SSE2, and none of these touches memory.
            unsafe { $operation }
        };
    }

    impl Lane {
        /// The sixteen bytes from `bytes[FROM]`.
        #[inline(always)]
        pub fn load<const FROM: usize, const N: usize>(bytes: &[u8; N]) -> Self {
            const { assert!(FROM + LANE <= N) }
            // SAFETY: the assertion keeps the load within the array, and it takes any alignment.
            Self(unsafe { _mm_loadu_si128(bytes.as_ptr().add(FROM).cast()) })
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
        #[inline(always)]
        pub fn below_signed(self, other: Self) -> Self {
            Self(sse2!(_mm_cmplt_epi8(self.0, other.0)))
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
mod arch {
    use super::LANE;
    #[derive(Clone, Copy)]
    pub struct Lane([u8; 16]);

    impl Lane {
        /// The sixteen bytes from `bytes[FROM]`.
        pub fn load<const FROM: usize, const N: usize>(bytes: &[u8; N]) -> Self {
            const { assert!(FROM + LANE <= N) }
            Self(core::array::from_fn(|at| bytes.get(FROM + at).copied().unwrap_or_default()))
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
        pub fn below_signed(self, other: Self) -> Self {
            self.zip(other, |a, b| if a.cast_signed() < b.cast_signed() { 0xff } else { 0 })
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
