//! `read --follow`: records as they are appended.

use papyra_persistence::route::MergedPages;

use crate::cursor_file::{CursorFile, delivered};
use crate::output::Output;
use crate::per_store;
use crate::problem::Problem;
use crate::records::{POLL, Sink, passes};
use crate::target::Target;

/// Writes what is appended until the reader is gone. A limit applies to the records before that.
///
/// Records of several stores that one poll finds are in the order of time. A store that cannot
/// be reached now is waited for, while the others go on.
pub(super) async fn follow(
    pages: &mut MergedPages,
    sink: &mut Sink,
    targets: &[Target],
    mut saved: Option<&mut CursorFile>,
    output: &mut Output,
) -> Result<(), Problem> {
    let mut waiting = vec![false; targets.len()];
    loop {
        output.flush()?;
        if output.is_closed() || output.reader_gone() {
            return Ok(());
        }
        let (page, failed) = pages.poll().await;
        sink.lines(&page.records, page.count, output)?;
        delivered(pages.cursor(), saved.as_deref_mut(), output)?;
        let before = std::mem::replace(&mut waiting, vec![false; targets.len()]);
        for (index, error) in failed {
            if !passes(&error) {
                return Err(error.into());
            }
            if let (Some(waits), Some(target)) = (waiting.get_mut(index), targets.get(index)) {
                *waits = true;
                if before.get(index) == Some(&false) {
                    let message = per_store::failure(target, &Problem::from(error));
                    output.note(&format!("{message}; waiting for it"));
                }
            }
        }
        if page.end {
            output.flush()?;
            tokio::time::sleep(POLL).await;
        }
    }
}
