//! The open brackets of a record.

/// A stack of bits, one per open bracket: set for an object. The innermost 64 lie in one
/// word, the rest in a vector that the caller keeps, so depth is bounded by the length of the
/// line alone.
#[derive(Clone, Copy, Default)]
pub struct Nesting {
    depth: u32,
    deepest: u32,
    inner: u64,
}

/// Words of the vector that stay allocated between lines.
const KEPT_WORDS: usize = 64;

/// Empties the vector, and gives back memory that only an extreme record needed.
pub fn clear(outer: &mut Vec<u64>) {
    outer.clear();
    outer.shrink_to(KEPT_WORDS);
}

impl Nesting {
    /// How many brackets are open.
    #[inline(always)]
    pub fn depth(self) -> u32 {
        self.depth
    }

    /// The most that were ever open.
    #[inline(always)]
    pub fn deepest(self) -> u32 {
        self.deepest
    }

    /// Whether the innermost open bracket is an object's.
    #[inline(always)]
    pub fn in_object(self) -> bool {
        self.inner & 1 == 1
    }

    /// Opens a bracket; false when there are 64 already and `DEEP` is not set.
    #[inline(always)]
    pub fn push<const DEEP: bool>(&mut self, object: bool, outer: &mut Vec<u64>) -> bool {
        if self.depth.is_multiple_of(u64::BITS) && self.depth != 0 {
            if !DEEP {
                return false;
            }
            outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(object);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        true
    }

    /// Closes the innermost bracket; false when it is of the other type or none is open.
    #[inline(always)]
    pub fn pop<const DEEP: bool>(&mut self, object: bool, outer: &mut Vec<u64>) -> bool {
        if self.depth == 0 || self.in_object() != object {
            return false;
        }
        self.depth -= 1;
        self.inner >>= 1;
        if DEEP && self.depth.is_multiple_of(u64::BITS) {
            self.inner = outer.pop().unwrap_or_default();
        }
        true
    }
}
