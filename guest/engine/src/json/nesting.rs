//! The open brackets of a record.

/// A stack of bits, one per open bracket: set for an object. The innermost 64 lie in one
/// word, the rest in a vector that the caller keeps, so depth is bounded by the length of the
/// line alone.
#[derive(Clone, Copy, Default)]
pub struct Nesting {
    depth: u32,
    deepest: u32,
    inner: u64,
    /// 1 once a bracket has closed one of the other type.
    mismatched: u64,
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

    /// All ones if the innermost open bracket is an object's, otherwise all zeros.
    #[inline(always)]
    pub fn in_object(self) -> u64 {
        (self.inner & 1).wrapping_neg()
    }

    /// Whether a bracket was closed by one of the other type or, unless `DEEP`, more than 64 were
    /// open at once.
    #[inline(always)]
    pub fn is_wrong<const DEEP: bool>(self) -> bool {
        self.mismatched != 0 || !DEEP && self.deepest > u64::BITS
    }

    /// Opens a bracket if `opens` is 1, closes the innermost if it is 0; `curly` is 1 for those of
    /// objects. Made without a branch on which it is, because no processor can guess that. Without
    /// `DEEP` all but the innermost 64 are forgotten.
    #[inline(always)]
    pub fn step<const DEEP: bool>(&mut self, curly: u64, opens: u64, outer: &mut Vec<u64>) {
        let full = DEEP && self.depth.is_multiple_of(u64::BITS) && self.depth != 0;
        if full && opens != 0 {
            outer.push(self.inner);
        }
        self.mismatched |= (self.inner ^ curly) & (opens ^ 1) & 1;
        let (pushed, popped) = (self.inner << 1 | curly, self.inner >> 1);
        self.inner = if opens != 0 { pushed } else { popped };
        self.depth = self.depth.wrapping_add(2 * opens as u32).wrapping_sub(1);
        self.deepest = self.deepest.max(self.depth);
        if DEEP && opens == 0 && self.depth.is_multiple_of(u64::BITS) {
            self.inner = outer.pop().unwrap_or_default();
        }
    }
}
