//! The grammar of a record, checked sixty-four bytes at a time.
//!
//! Tokens are not walked one by one. Each class of token is a mask, and the grammar is a
//! statement about which class may follow which: moving a mask past whitespace ([`Skip`])
//! tells where its followers stand, and a follower of the wrong class is a bit in `wrong`.
//! A text obeys the grammar when no bit is left over, because every token but the first
//! follows exactly one other:
//!
//! | after                          | must stand                        |
//! |--------------------------------|-----------------------------------|
//! | `{`, and `,` in an object      | a key; after `{` also `}`         |
//! | the closing quote of a key     | `:`, which stands nowhere else    |
//! | `:`, `[`, and `,` in an array  | a value; after `[` also `]`       |
//! | the last byte of a value       | `,` or a closing bracket          |
//!
//! Only brackets (for the nesting), scalars and escapes are visited singly.

use super::bits::{Escapes, Next, Skip, above, prefix_xor};
use super::fields::Keys;
use super::nesting::Nesting;
use super::scalar::{self, Numbers};
use super::simd::{BLOCK, Block, Seen};
use super::string;

/// A whole object or array.
pub struct Container {
    /// Index of the byte after the closing bracket.
    pub end: usize,
    /// Where its interesting keys are.
    pub keys: Keys,
    /// Whether `NaN` or an infinity occurs.
    pub nonstandard: bool,
    /// Whether all bytes are certainly ASCII.
    pub ascii: bool,
}

/// Reads the object or array that opens at `buf[start]`. `None` when it breaks the grammar or
/// does not end before the line does. The
/// encoding is left to the caller.
#[inline(always)]
pub fn container(buf: &[u8], start: usize, nesting: &mut Nesting) -> Option<Container> {
    nesting.clear();
    let mut keys = Keys::default();
    let mut nonstandard = false;

    let mut seen = Seen::default();
    let mut escapes = Escapes::default();
    let mut in_string = 0_u64;
    let mut in_key = 0_u64;
    let mut in_object = 0_u64;
    let mut in_top = 0_u64;
    let mut scalars = Next::default();
    let mut numbers = Numbers::default();
    let (mut opened, mut separated, mut named, mut assigned, mut valued) =
        (Skip::default(), Skip::default(), Skip::default(), Skip::default(), Skip::default());
    let mut values = Next::default();

    let mut at = start;
    loop {
        let block = Block::load(buf, at);
        seen.add(block);
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
            keys.escaped |= in_key != 0 && escaped != 0;
            keys.before = 0;
            at += BLOCK;
            continue;
        }
        let string = prefix_xor(quote) ^ in_string;
        in_string = (string.cast_signed() >> 63).cast_unsigned();

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

        let outside = !string;
        let space = space & outside;
        let comma = block.equal(b',') & outside;
        let colon = block.equal(b':') & outside;
        let bracket = block.brackets() & outside & live;
        let scalar = outside & live & !(quote | space | comma | colon | bracket);

        // Brackets change what the bytes above them are in.
        let (mut object, mut top) = (in_object, in_top);
        let mut open = 0;
        let mut closed = None;
        let mut rest = bracket;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            let byte = buf.get(at + bit as usize).copied().unwrap_or_default();
            let curly = byte & 0x20 != 0;
            if byte & 0x02 != 0 {
                nesting.push(curly);
                open |= rest & rest.wrapping_neg();
            } else if !nesting.pop(curly) {
                return None;
            }
            rest &= rest - 1;
            let above = above(bit);
            in_object = u64::from(nesting.in_object()).wrapping_neg();
            in_top = u64::from(nesting.depth() == 1).wrapping_neg();
            object = object & !above | in_object & above;
            top = top & !above | in_top & above;
            if nesting.depth() == 0 {
                closed = Some(bit);
                live = !above;
                break;
            }
        }
        let close = bracket & !open;

        let after_open = opened.after(open, space);
        let after_comma = separated.after(comma, space);
        let after_colon = assigned.after(colon, space);
        let entry = after_open & !close | after_comma;
        let key = entry & object;
        let value = entry & !object | after_colon;

        // Adding a key's opening quote to its body carries out at its closing quote.
        let (sum, carry) = (key | in_key).overflowing_add(string);
        in_key = u64::from(carry);
        let key_end = sum & outside;
        let after_key = named.after(key_end, space);

        let scalar_next = scalars.step(scalar);
        let scalar_start = scalar & !scalar_next;
        let value_end = close | quote & outside & !key_end;
        let value_next = values.step(value_end) | scalar_next & !scalar;
        let after_value = valued.from(value_next, space);

        wrong |= key & !(quote & string);
        wrong |= value & !(quote & string | scalar_start | open);
        wrong |= after_comma & close;
        wrong |= after_key ^ colon;
        wrong |= after_value & !(comma | close);
        if wrong & live != 0 {
            return None;
        }

        {
            let (bad, odd) = numbers.step(block, scalar, scalar_start);
            if bad & live != 0 {
                return None;
            }
            let mut rest = odd & live;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                nonstandard |= scalar::check(buf, at, bit, scalar, scalar_start)?;
                rest &= !scalar | scalar.wrapping_add(1 << bit);
            }
        }

        if escaped & live != 0 {
            if !string::valid_escapes(buf, at, escaped & live) {
                return None;
            }
            keys.escaped |= string & !sum & escaped & top != 0;
        }
        keys.note(buf, at, key, key_end & top & live);

        if let Some(bit) = closed {
            let end = at + bit as usize + 1;
            return Some(Container { end, keys, nonstandard, ascii: seen.ascii() });
        }
        if live != !0 {
            return None;
        }
        at += BLOCK;
    }
}
