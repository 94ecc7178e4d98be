//! The pauses before a request is sent again that the server has certainly not carried out.

use std::time::{Duration, Instant};

/// For how long it is sent again. Most slots of a Cluster that are on their way are served within that time.
const LONGEST: Duration = Duration::from_secs(4);

/// Each pause is longer than the one before by this.
const STEP: Duration = Duration::from_millis(25);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The pauses of one request.
pub struct Pauses {
    limit: Duration,
    /// When the request failed first. It may have waited on the server for long before.
    since: Option<Instant>,
    pause: Duration,
}

impl Pauses {
    /// They end well before the call is over, so that the refusal is what is reported.
    pub fn new(timeout: Duration) -> Self {
        Self { limit: LONGEST.min(timeout / 2), since: None, pause: Duration::ZERO }
    }

    /// Returns true if it has been long enough.
    pub fn are_over(&mut self) -> bool {
        self.since.get_or_insert_with(Instant::now).elapsed() >= self.limit
    }

    /// Waits; returns false without doing so if they are over.
    pub async fn next(&mut self) -> bool {
        if self.are_over() {
            return false;
        }
        self.pause = (self.pause + STEP).min(LONGEST_PAUSE);
        tokio::time::sleep(self.pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn they_begin_with_the_first_failure_and_end() {
        let mut pauses = Pauses::new(Duration::from_millis(60));
        std::thread::sleep(Duration::from_millis(40));
        assert!(pauses.next().await, "what was before does not count");
        std::thread::sleep(Duration::from_millis(40));
        assert!(!pauses.next().await);
    }
}
