//! The text of a scan. The `papyra` command and the component that stands in for it where only
//! WASI is at hand say the same in the same words, because they say it from here.

pub mod scan;
pub mod text;

/// Colours, where the reader takes them.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Plain text.
    pub const NONE: Self = Self(false);

    /// Colours or plain text.
    pub const fn new(colours: bool) -> Self {
        Self(colours)
    }

    /// Returns whether there are colours.
    pub const fn is_on(self) -> bool {
        self.0
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The subject of the text.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something to check.
    pub fn doubtful(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something is broken.
    pub fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }
}
