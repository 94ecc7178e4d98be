//! The grammar of a record, checked sixty-four bytes at a time.
//!
//! Tokens are not walked one by one. Each class of token is a mask, and the grammar is a
//! statement about which class may follow which: moving a mask past whitespace ([`skip`])
//! tells where its followers stand, and a follower of the wrong class is a bit in `wrong`.
//! A text obeys the grammar when no bit is left over, because every token but the first
//! follows exactly one other:
//!
//! | after                          | must stand                        |
//! |--------------------------------|-----------------------------------|
//! | `{`, and `,` in an object      | a key; after `{` also `}`         |
//! | the closing quote of a key     | `:`                               |
//! | `:`, `[`, and `,` in an array  | a value; after `[` also `]`       |
//! | the last byte of a value       | `,` or a closing bracket          |
//!
//! Only brackets (for the nesting), literals and escapes are visited singly.
//!
//! A block that ends in whitespace or within a scalar is cut short before them, and they are
//! read again at the start of the next. So no scalar spans two blocks, and of the tokens only
//! the last byte's need be remembered.

use super::bits::{Escapes, above, prefix_xor, skip};
use super::fields::{Fields, Keys};
use super::nesting::{self, Nesting};
use super::scalar::{self, Numbers};
use super::simd::{BLOCK, Block};
use super::string;

/// A whole object or array.
pub struct Container {
    /// Index of the byte after the closing bracket.
    pub end: usize,
    /// Where its interesting keys are.
    pub keys: Keys,
    /// Whether `NaN` or an infinity occurs.
    pub nonstandard: bool,
    /// Its deepest nesting, itself included.
    pub depth: u32,
    /// Where the first block starts that has a byte beyond ASCII, if one has. The byte may be the
    /// next line's.
    pub wide: Option<usize>,
}

/// Which class of token the last byte belongs to: one of these is 1, or none within a string.
#[derive(Clone, Copy, Default)]
struct Last {
    open: u64,
    comma: u64,
    colon: u64,
    key: u64,
    value: u64,
}

/// Reads the object or array that opens at `buf[start]`. `None` when it breaks the grammar or
/// does not end before the line does. The encoding is left to the caller.
///
/// Unless `CAREFUL`, the answer is also `None` for what is rare and takes calls to judge: the
/// last bytes of the buffer, nonstandard numbers, extreme nesting,
/// very long numbers and very much whitespace. A call in the loop, even one that is
/// never made, has its many masks live in memory.
#[inline(always)]
pub fn container<const CAREFUL: bool>(
    fields: &impl Fields,
    buf: &[u8],
    start: usize,
    outer: &mut Vec<u64>,
) -> Option<Container> {
    if CAREFUL {
        nesting::clear(outer);
    }
    let mut nesting = Nesting::default();
    let mut keys = Keys::default();
    let mut nonstandard = false;
    let mut wide = usize::MAX;
    let mut escapes = Escapes::default();
    let mut last = Last::default();
    // All ones or all zeros, as it is for the last byte.
    let (mut in_string, mut in_object, mut in_top) = (0_u64, 0_u64, 0_u64);
    let mut in_key = 0_u64;

    let mut at = start;
    loop {
        let block = match Block::load(buf, at) {
            Some(block) => block,
            None if CAREFUL => Block::load_tail(buf, at),
            None => return None,
        };
        wide = wide.min(if block.any_non_ascii() { at } else { usize::MAX });

        let mut quote = block.equal(b'"');
        let mut escaped = 0;
        if block.any_equal(b'\\') || escapes.pending() {
            escaped = escapes.escaped(block.equal(b'\\'));
            quote &= !escaped;
        }
        if quote == 0 && in_string != 0 {
            // The block lies inside one string.
            if block.any_control() || !string::valid_escapes(buf, at, escaped) {
                return None;
            }
            // No key this long is of interest, not even one written all in escapes.
            keys.before = 0;
            at += BLOCK;
            continue;
        }
        let string = prefix_xor(quote) ^ in_string;
        let outside = !string;

        let mut space = block.equal(b' ');
        let mut wrong = 0;
        // What belongs to this line: in its last block, everything below the newline.
        let mut live = !0;
        if block.any_control() {
            let newline = block.equal(b'\n');
            live = newline.wrapping_sub(1) & !newline;
            wrong = block.controls() & string;
            space |= block.equal(b'\t') | block.equal(b'\r');
        }

        let space = space & outside;
        let comma = block.equal(b',') & outside;
        let colon = block.equal(b':') & outside;
        let bracket = block.brackets() & outside & live;
        let scalar = outside & live & !(quote | space | comma | colon | bracket);

        let length = BLOCK as u32 - (space | scalar).leading_ones();
        if length == 0 {
            if !CAREFUL {
                return None;
            }
            if space & 1 == 0 {
                let expected = last.colon | (last.open | last.comma) & !in_object;
                nonstandard |= scalar::check(buf, at)?;
                at += scalar::text(buf, at).len();
                if expected == 0 {
                    return None;
                }
                last = Last { value: 1, ..Last::default() };
            } else {
                at += space.trailing_ones() as usize;
            }
            continue;
        }

        // Brackets change what the bytes above them are in.
        let (mut object, mut top) = (in_object, in_top);
        let mut open = 0;
        let mut closed = None;
        let mut rest = bracket;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            let byte = u64::from(buf.get(at + bit as usize).copied().unwrap_or_default());
            let (curly, opens) = (byte >> 5 & 1, byte >> 1 & 1);
            nesting.step::<CAREFUL>(curly, opens, outer);
            open |= opens << bit;
            rest &= rest - 1;
            let above = above(bit);
            in_object = nesting.in_object();
            in_top = u64::from(nesting.depth() == 1).wrapping_neg();
            object ^= (object ^ in_object) & above;
            top ^= (top ^ in_top) & above;
            if nesting.depth() == 0 {
                closed = Some(bit);
                live = !above;
                break;
            }
        }
        let close = bracket & !open;

        let after_open = skip(open << 1 | last.open, space);
        let after_comma = skip(comma << 1 | last.comma, space);
        let after_colon = skip(colon << 1 | last.colon, space);
        let entry = after_open & !close | after_comma;
        let key = entry & object;
        let value = entry & !object | after_colon;

        // Adding a key's opening quote to its body carries out at its closing quote.
        let (sum, carry) = (key | in_key).overflowing_add(string);
        let key_end = sum & outside;
        let after_key = skip(key_end << 1 | last.key, space);

        let scalar_next = scalar << 1;
        let scalar_start = scalar & !scalar_next;
        let value_end = close | quote & outside & !key_end;
        let after_value = skip(value_end << 1 | last.value | scalar_next & !scalar, space);

        wrong |= key & !(quote & string);
        wrong |= value & !(quote & string | scalar_start | open);
        wrong |= after_key & !colon;
        wrong |= after_value & !(comma | close);

        if scalar != 0 {
            let numbers = Numbers::new(block, scalar, scalar_start);
            wrong |= numbers.wrong;
            let whole = !0 >> (u64::BITS - length);
            let mut rest = numbers.other & live & whole;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                let here = at + bit as usize;
                let length = (!(scalar >> bit)).trailing_zeros();
                let starts = scalar_start >> bit & 1 == 1;
                if !(starts && scalar::is_literal(buf, here, length)) {
                    if !CAREFUL {
                        return None;
                    }
                    nonstandard |= scalar::check(buf, here)?;
                }
                rest &= !scalar | scalar.wrapping_add(1 << bit);
            }
        }
        if wrong & live != 0 || nesting.is_wrong::<CAREFUL>() {
            return None;
        }

        if escaped & live != 0 {
            if !string::valid_escapes(buf, at, escaped & live) {
                return None;
            }
            keys.escaped |= string & !sum & escaped & top != 0;
        }
        keys.note(fields, buf, at, key, key_end & top & live);

        if let Some(bit) = closed {
            let end = at + bit as usize + 1;
            let wide = (wide != usize::MAX).then_some(wide);
            return Some(Container { end, keys, nonstandard, depth: nesting.deepest(), wide });
        }
        if live != !0 {
            return None;
        }

        in_string = (string.cast_signed() >> 63).cast_unsigned();
        in_key = u64::from(carry);
        let bit = length - 1;
        last = Last {
            open: open >> bit,
            comma: comma >> bit,
            colon: colon >> bit,
            key: key_end >> bit,
            value: value_end >> bit,
        };
        at += length as usize;
    }
}
