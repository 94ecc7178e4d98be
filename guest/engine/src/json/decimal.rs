//! Numbers from their decimal digits.

use super::simd::{self, WINDOW};
use super::{scalar, word};

/// The nearest `f64` to the valid JSON number at `buf[at]`, if it is finite.
#[inline(always)]
pub fn parse(buf: &[u8], at: usize) -> Option<f64> {
    Decimal::read(buf, at).and_then(Decimal::nearest).or_else(|| parse_any(scalar::text(buf, at)))
}

#[inline(never)]
fn parse_any(text: &[u8]) -> Option<f64> {
    let number: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// What nearly every timestamp is: up to sixteen digits, a point, up to eight digits. The
/// value is `whole + fraction / scale`.
#[derive(Clone, Copy)]
struct Decimal {
    whole: u64,
    fraction: u64,
    scale: u64,
}

impl Decimal {
    #[inline(always)]
    fn read(buf: &[u8], at: usize) -> Option<Self> {
        const SCALES: [u64; 9] =
            [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
        let bytes = buf.get(at..)?.first_chunk::<WINDOW>()?;
        let other = !simd::digits(bytes);
        let length = other.trailing_zeros() as usize;
        let whole = match length {
            1..=8 => word::digits(word::at(bytes, 0)?, length),
            9..=16 => {
                let high = word::digits(word::at(bytes, 0)?, 8);
                let low = word::digits(word::at(bytes, 8)?, length - 8);
                high * SCALES.get(length - 8)? + low
            }
            _ => return None,
        };
        let point = bytes.get(length)?;
        if matches!(point, b'e' | b'E') {
            return None;
        }
        if *point != b'.' {
            return Some(Self { whole, fraction: 0, scale: 1 });
        }
        let decimals = (other >> length >> 1).trailing_zeros() as usize;
        if matches!(bytes.get(length + 1 + decimals)?, b'e' | b'E') {
            return None;
        }
        let scale = *SCALES.get(decimals)?;
        let fraction = word::digits(word::at(bytes, length + 1)?, decimals);
        Some(Self { whole, fraction, scale })
    }

    /// Python writes times with up to seventeen digits, too many for Clinger's fast path, so the
    /// fraction is divided as an integer: to as many bits as `whole` leaves of the significand,
    /// then rounded half to even.
    #[inline(always)]
    fn nearest(self) -> Option<f64> {
        let used = u64::BITS - self.whole.leading_zeros();
        // Zero has no leading bit to count from; 27 bits of `fraction` may be shifted by 37.
        if !(16..=f64::MANTISSA_DIGITS).contains(&used) {
            return None;
        }
        let shift = f64::MANTISSA_DIGITS - used;
        let dividend = self.fraction << shift;
        let (quotient, rest) = (dividend / self.scale, dividend % self.scale);
        let truncated = self.whole << shift | quotient;
        let up = 2 * rest + (truncated & 1) > self.scale;
        let significand = truncated + u64::from(up);
        let unit = f64::from_bits((1023 - u64::from(shift)) << 52);
        Some(significand as f64 * unit)
    }
}
