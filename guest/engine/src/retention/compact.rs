//! Removing what retention hides.
//!
//! Three steps: survey the store (in parallel, where the host likes; what the index tells of a block is not read),
//! walk back to find where the limits are reached, then go forward and hand what goes to the store.

pub use crate::bindings::exports::papyra::persistence::journal::{CompactOptions, Compaction};
use crate::failure::{Failure, Outcome};
use crate::host::{Host, Range};
use crate::index;
use crate::retention::Retention;
use crate::retention::boundaries::Boundaries;
use crate::retention::compactor::Compactor;
use crate::retention::survey::{self, Clock, Survey};
use crate::retention::told::Told;
use crate::walk::View;
use crate::walk::partition::{self, Partition, parse_result};

/// Compacts the store, surveying it with this instance alone. What the index tells is not read.
pub fn compact<H: Host>(
    host: &mut H,
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    let job = Job::begin(host, policy, options)?;
    let told = job.told(host)?;
    let surveys = job.surveys(host, &told)?;
    job.run(host, surveys, &told)
}

/// The partitions of the store that must be surveyed for [`compact_surveyed`]: what the index does not tell.
pub fn survey_partitions<H: Host>(
    host: &mut H,
    maximum: u32,
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Vec<Partition>> {
    let job = Job::begin(host, policy, options)?;
    let rest = job.told(host)?.rest(&job.view);
    partition::cut(host, job.view.description.framing, &rest, maximum)
}

/// Compacts the store with surveys that other instances have made of the same snapshot.
pub fn compact_surveyed<H: Host>(
    host: &mut H,
    surveys: &[String],
    policy: &Retention,
    options: CompactOptions,
) -> Outcome<Compaction> {
    let job = Job::begin(host, policy, options)?;
    let surveys = surveys.iter().map(|text| parse_result(text)).collect::<Outcome<Vec<_>>>()?;
    let told = job.told(host)?;
    job.run(host, surveys, &told)
}

/// What one compaction works on.
struct Job<'p> {
    view: View,
    policy: &'p Retention,
    options: CompactOptions,
    clock: Clock,
}

impl<'p> Job<'p> {
    fn begin<H: Host>(
        host: &mut H,
        policy: &'p Retention,
        options: CompactOptions,
    ) -> Outcome<Self> {
        require_limits(policy)?;
        let clock = clock(host, options)?;
        let view = View::open(host)?;
        if !view.description.volatile {
            view.require_order()?;
        }
        Ok(Self { view, policy, options, clock })
    }

    /// What need not be read.
    fn told<H: Host>(&self, host: &mut H) -> Outcome<Told> {
        let told = Told::of(host, &self.view, self.policy, self.clock)?;
        // The index is carried on all the same.
        let blocks = if self.options.full { Vec::new() } else { told.blocks };
        Ok(Told { blocks, ..told })
    }

    /// Surveys what was not told.
    fn surveys<H: Host>(&self, host: &mut H, told: &Told) -> Outcome<Vec<Survey>> {
        let mut surveys = Vec::new();
        let rest = if self.view.description.volatile { Vec::new() } else { told.rest(&self.view) };
        for (segment, Range { start, end }) in rest {
            let partition = Partition { segment: segment.name.clone(), start, end };
            surveys.push(survey::survey(host, &self.view, &partition, self.policy, self.clock)?);
        }
        Ok(surveys)
    }

    /// Compacts by what was read and what the index has told. If that does not fit, everything is read.
    fn run<H: Host>(&self, host: &mut H, surveys: Vec<Survey>, told: &Told) -> Outcome<Compaction> {
        let plan = match self.plan(host, surveys, told) {
            Ok(Some(plan)) => plan,
            Err(failure) if told.blocks.is_empty() => return Err(failure),
            Ok(None) | Err(_) => {
                let surveys = self.surveys(host, &Told::default())?;
                let plan = self.plan(host, surveys, &Told::default())?;
                plan.ok_or_else(|| Failure::argument("the surveys do not fit the store"))?
            }
        };
        let (compactor, boundaries) = plan;
        let (done, cuts) = compactor.run(host, &boundaries)?;
        if done.changed && !done.dry_run {
            index::carry(host, &self.view, &told.parts, &cuts);
        }
        Ok(done)
    }

    /// What is to be done; none if the index has told something that is not so.
    fn plan<H: Host>(
        &self,
        host: &mut H,
        surveys: Vec<Survey>,
        told: &Told,
    ) -> Outcome<Option<(Compactor<'_>, Boundaries)>> {
        let mut compactor =
            Compactor::new(&self.view, self.policy, self.options, self.clock, surveys, told)?;
        let boundaries = compactor.find_boundaries(host)?;
        let holds = compactor.check_told(host, told, &boundaries)?;
        Ok(holds.then_some((compactor, boundaries)))
    }
}

/// How far `as-of` may lie ahead, in seconds: clocks are set back now and then.
const AHEAD: f64 = 60.0;

fn require_limits(policy: &Retention) -> Outcome<()> {
    if policy.is_empty() {
        return Err(Failure::argument(
            "there is no retention limit, so nothing says what to remove; \
             set at least one of max-records, max-age and max-total-bytes",
        ));
    }
    Ok(())
}

fn clock<H: Host>(host: &mut H, options: CompactOptions) -> Outcome<Clock> {
    let now = host.now();
    match options.as_of {
        Some(as_of) if !as_of.is_finite() => {
            Err(Failure::argument("`as-of` is not a finite number of seconds"))
        }
        // What is a second old now would be too old then.
        Some(as_of) if as_of > now + AHEAD => Err(Failure::argument(
            "`as-of` lies in the future, and ages counted from there would remove too much",
        )),
        as_of => Ok(Clock { as_of: as_of.unwrap_or(now), now }),
    }
}
