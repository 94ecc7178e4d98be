//! Where retention cuts a store, for compaction.

use crate::json::Kind;
use crate::retention::Admission;
use crate::walk::Place;

/// Which entries retention hides, as places before which they lie.
#[derive(Default)]
pub(crate) struct Cuts {
    /// Everything before goes, damaged entries too.
    pub all: Option<Place>,
    /// Records of a kind go that lie before.
    of_kind: [Option<Place>; 4],
}

impl Cuts {
    /// Notes where the walk back has met a limit. Returns whether it is over.
    pub fn note(&mut self, admission: Admission, kind: Option<Kind>, place: Place) -> bool {
        match admission {
            Admission::Visible | Admission::Expired => {}
            Admission::KindFull => {
                if let Some(cut) = kind.and_then(|kind| self.of_kind.get_mut(kind.index())) {
                    cut.get_or_insert(place);
                }
            }
            Admission::Full => self.all = Some(place),
        }
        admission == Admission::Full
    }

    pub fn of_kind(&self, kind: Kind) -> Option<Place> {
        self.of_kind.get(kind.index()).copied().flatten()
    }
}
