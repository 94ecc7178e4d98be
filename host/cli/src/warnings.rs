//! Dangers to a journal that its store knows of, one line each on standard error.

use crate::output;
use crate::target::Target;

/// Prints them, unless people want quiet. A store that cannot be asked has none; the operation itself says
/// what is wrong.
pub(super) async fn print(target: &Target, quiet: bool) {
    if quiet {
        return;
    }
    for warning in target.store.warnings().await {
        output::eprint_line(&format!("warning: {warning}"));
    }
}
