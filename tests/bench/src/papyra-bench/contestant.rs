//! What is measured: named things that can be run again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time: Duration,
    /// Bytes or records that were dealt with, where a rate makes sense; otherwise 1.
    pub(crate) amount: u64,
}

impl Sample {
    pub(crate) fn rate(&self) -> f64 {
        self.amount as f64 / self.time.as_secs_f64()
    }
}

/// How to say how fast something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    BytesPerSecond,
    RecordsPerSecond,
    Time,
}

/// Something that can be run again and again. The closure prepares what it needs and returns how
/// long the part took that counts.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    run: Box<dyn FnMut() -> Result<Sample>>,
    pub(crate) samples: Vec<Sample>,
}

impl Contestant {
    pub(crate) fn new(
        name: &'static str,
        unit: Unit,
        run: impl FnMut() -> Result<Sample> + 'static,
    ) -> Self {
        Self { name, unit, run: Box::new(run), samples: Vec::new() }
    }

    /// Runs once and keeps the measurement, unless it is for warming up.
    pub(crate) fn run(&mut self, keep: bool) -> Result<()> {
        let sample = (self.run)().with_context(|| format!("`{}` failed", self.name))?;
        if keep {
            self.samples.push(sample);
        }
        Ok(())
    }

    pub(crate) fn best(&self) -> f64 {
        self.samples.iter().map(Sample::rate).fold(f64::MIN, f64::max)
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.samples.iter().map(Sample::rate).collect())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times `work`, which returns how much it dealt with.
pub(crate) fn timed(work: impl FnOnce() -> Result<u64>) -> Result<Sample> {
    let start = Instant::now();
    let amount = work()?;
    Ok(Sample { time: start.elapsed(), amount })
}
