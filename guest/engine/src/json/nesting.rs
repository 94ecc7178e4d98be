//! The open brackets of a record.

/// A stack of bits, one per open bracket: set for an object. The innermost 64 lie in one
/// word, the rest on the heap, so depth is bounded by the length of the line alone.
#[derive(Debug, Default)]
pub struct Nesting {
    depth: u32,
    deepest: u32,
    inner: u64,
    outer: Vec<u64>,
}

/// Words of [`Nesting::outer`] that stay allocated between lines.
const KEPT_WORDS: usize = 64;

impl Nesting {
    /// Forgets all brackets, and gives back memory that only an extreme record needed.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.depth = 0;
        self.deepest = 0;
        if !self.outer.is_empty() || self.outer.capacity() > KEPT_WORDS {
            self.outer.clear();
            self.outer.shrink_to(KEPT_WORDS);
        }
    }

    /// How many brackets are open.
    #[inline(always)]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The most that were ever open since [`clear`](Self::clear).
    #[inline(always)]
    pub fn deepest(&self) -> u32 {
        self.deepest
    }

    /// Whether the innermost open bracket is an object's.
    #[inline(always)]
    pub fn in_object(&self) -> bool {
        self.inner & 1 == 1
    }

    #[inline(always)]
    pub fn push(&mut self, object: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(u64::BITS) {
            self.spill();
        }
        self.inner = self.inner << 1 | u64::from(object);
        self.depth = self.depth.saturating_add(1);
        self.deepest = self.deepest.max(self.depth);
    }

    /// Closes the innermost bracket; false when it is of the other type or none is open.
    #[inline(always)]
    pub fn pop(&mut self, object: bool) -> bool {
        if self.depth == 0 || self.in_object() != object {
            return false;
        }
        self.depth -= 1;
        self.inner >>= 1;
        if self.depth != 0 && self.depth.is_multiple_of(u64::BITS) {
            self.unspill();
        }
        true
    }

    #[cold]
    fn spill(&mut self) {
        self.outer.push(self.inner);
    }

    #[cold]
    fn unspill(&mut self) {
        self.inner = self.outer.pop().unwrap_or_default();
    }
}
