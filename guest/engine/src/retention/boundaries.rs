//! Where retention boundaries a store, for compaction.

use crate::json::Kind;
use crate::retention::Verdict;
use crate::walk::StorePosition;

/// Which entries retention hides, as places before which they lie.
#[derive(Default)]
pub(crate) struct Boundaries {
    /// Everything before goes, damaged entries too.
    pub all: Option<StorePosition>,
    /// Records of a kind go that lie before.
    of_kind: [Option<StorePosition>; 4],
}

impl Boundaries {
    /// Notes where the walk back has met a limit. Returns whether it is over.
    pub fn note(&mut self, verdict: Verdict, kind: Option<Kind>, place: StorePosition) -> bool {
        match verdict {
            Verdict::Visible | Verdict::Expired => {}
            Verdict::KindFull => {
                if let Some(boundary) = kind.and_then(|kind| self.of_kind.get_mut(kind.index())) {
                    boundary.get_or_insert(place);
                }
            }
            Verdict::Full => self.all = Some(place),
        }
        verdict == Verdict::Full
    }

    pub fn of_kind(&self, kind: Kind) -> Option<StorePosition> {
        self.of_kind.get(kind.index()).copied().flatten()
    }
}
