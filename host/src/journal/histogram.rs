use serde::Serialize;

/// The number of values in each range.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Histogram {
    /// Upper bounds, ascending, each with the number of values up to it that are larger
    /// than the bound before. The last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// Number of values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Histogram {
    /// An empty histogram; an infinite bound is added.
    pub(crate) fn new(bounds: &[f64]) -> Self {
        let buckets = bounds.iter().copied().chain([f64::INFINITY]).map(|bound| (bound, 0));
        Self { buckets: buckets.collect(), count: 0, sum: 0.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        if let Some((_, count)) = self.buckets.iter_mut().find(|(bound, _)| value <= *bound) {
            *count += 1;
            self.count += 1;
            self.sum += value;
        }
    }

    /// The least bound below which this share of the values lies; `None` without values.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (share.clamp(0.0, 1.0) * self.count as f64).ceil();
        let mut seen = 0;
        self.buckets.iter().filter(|_| self.count > 0).find_map(|(bound, count)| {
            seen += count;
            (seen as f64 >= wanted).then_some(*bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bucket() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 3.0, 1e300] {
            histogram.add(value);
        }
        assert_eq!(histogram.buckets, [(1.0, 2), (2.0, 1), (f64::INFINITY, 2)]);
        assert_eq!((histogram.count, histogram.quantile(0.5)), (5, Some(2.0)));
        assert_eq!(Histogram::new(&[1.0]).quantile(0.5), None);
    }
}
