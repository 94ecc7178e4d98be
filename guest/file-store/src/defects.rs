//! Defects that tests plant in the protocol, one at a time, to see that they are found.

/// A step of the protocol that is left out, or done wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// An append is acknowledged before it is synced.
    AppendUnsynced,
    /// The name of the journal is never synced.
    NameUnsynced,
    /// The names of directories that the first append makes are never synced.
    DirectoriesUnsynced,
    /// A file is sealed before what is in it is synced.
    SealedUnsynced,
    /// The first record of a set of one file replaces the others before it is synced.
    FirstUnsynced,
    /// The name of a new file is not synced before the reply.
    FreshUnsynced,
    /// Renames of a rotation are not synced one by one.
    ShiftUnsynced,
    /// Files are moved from the newest end.
    ShiftFromTheNewest,
    /// Where a name cannot be refused, a rename is a link and an unlink.
    LinkAndUnlink,
    /// A file with two numbers is shown twice.
    TwoNumbersShown,
    /// A file with two numbers keeps both.
    TwoNumbersKept,
    /// An append goes to a file that the path no longer names.
    StaleFile,
    /// An append goes to a torn line.
    TornTailIgnored,
    /// What a failed append has written stays, and the error says that it does not.
    NotTakenBack,
    /// A failed append takes back the only records there are.
    AllTakenBack,
    /// After a failed sync, the next one is believed.
    FailureForgotten,
    /// Acknowledged batches are not written again after a failed sync.
    NotWrittenAgain,
    /// The line end between a torn line and a batch is not written again.
    SeparatorNotWrittenAgain,
    /// An append does not take the lock.
    AppendUnlocked,
    /// A rewrite switches without the lock of writers.
    SwitchUnlocked,
    /// A rewrite does not look for what was appended since its snapshot.
    AppendedMeanwhileLost,
    /// A rewrite takes a name before its content is synced.
    RewriteUnsynced,
    /// A rewrite does not sync its name.
    SwitchUnsynced,
    /// A rewrite overtakes renames of a rotation.
    SwitchBeforeShift,
    /// The quarantine is not synced.
    QuarantineUnsynced,
    /// The name of the quarantine is not synced.
    QuarantineNameUnsynced,
    /// The quarantine goes when a rename is reported as failed, although it was done.
    QuarantineDiscarded,
    /// What a killed operation has left is taken for an empty file.
    LeftoverUsed,
    /// The index vouches for bytes that are not synced.
    IndexBeforeFiles,
    /// The index takes its name before it is synced.
    IndexUnsynced,
}

/// This defect is planted.
#[cfg(not(test))]
pub(crate) const fn has(_: Defect) -> bool {
    false
}

#[cfg(test)]
pub(crate) use self::planting::{ALL, has, plant, planted};

#[cfg(test)]
mod planting {
    use std::cell::Cell;

    use super::Defect::{self, *};

    pub(crate) const ALL: [Defect; 30] = [
        AppendUnsynced,
        NameUnsynced,
        DirectoriesUnsynced,
        SealedUnsynced,
        FirstUnsynced,
        FreshUnsynced,
        ShiftUnsynced,
        ShiftFromTheNewest,
        LinkAndUnlink,
        TwoNumbersShown,
        TwoNumbersKept,
        StaleFile,
        TornTailIgnored,
        NotTakenBack,
        AllTakenBack,
        FailureForgotten,
        NotWrittenAgain,
        SeparatorNotWrittenAgain,
        AppendUnlocked,
        SwitchUnlocked,
        AppendedMeanwhileLost,
        RewriteUnsynced,
        SwitchUnsynced,
        SwitchBeforeShift,
        QuarantineUnsynced,
        QuarantineNameUnsynced,
        QuarantineDiscarded,
        LeftoverUsed,
        IndexBeforeFiles,
        IndexUnsynced,
    ];

    thread_local! {
        static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
    }

    /// Plants a defect in what this thread does.
    pub(crate) fn plant(defect: Option<Defect>) {
        PLANTED.set(defect);
    }

    /// The defect that is planted.
    pub(crate) fn planted() -> Option<Defect> {
        PLANTED.get()
    }

    /// This defect is planted.
    pub(crate) fn has(defect: Defect) -> bool {
        PLANTED.get() == Some(defect)
    }
}
