//! What repeated measurements amount to.

use std::time::Duration;

use serde_json::{Value, json};

/// How long the same thing took each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that `share` of all were no longer than; zero if there is none.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = (last as f64 * share.clamp(0.0, 1.0)).ceil() as usize;
        sorted.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn shortest(&self) -> Duration {
        self.quantile(0.0)
    }

    pub(crate) fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    pub(crate) fn worst(&self) -> Duration {
        self.quantile(1.0)
    }

    /// The figures in microseconds.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "count": self.0.len(),
            "shortest_us": micros(self.shortest()),
            "median_us": micros(self.median()),
            "p90_us": micros(self.quantile(0.9)),
            "p99_us": micros(self.quantile(0.99)),
            "worst_us": micros(self.worst()),
        })
    }
}

impl Extend<Duration> for Times {
    fn extend<T: IntoIterator<Item = Duration>>(&mut self, times: T) {
        self.0.extend(times);
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

pub(crate) fn millis(time: Duration) -> f64 {
    micros(time) / 1e3
}

/// How many times `base` a time is.
pub(crate) fn ratio(time: Duration, base: Duration) -> f64 {
    time.as_secs_f64() / base.as_secs_f64()
}

/// A figure that was measured, and what it should not exceed.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    what: String,
    measured: f64,
    limit: f64,
    unit: &'static str,
}

impl Target {
    /// That `measured` is at most `limit`, both in `unit`.
    pub(crate) fn at_most(what: impl Into<String>, measured: f64, limit: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured, limit, unit }
    }

    fn is_met(&self) -> bool {
        self.measured <= self.limit
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "what": self.what, "measured": self.measured, "limit": self.limit, "unit": self.unit,
            "met": self.is_met(),
        })
    }

    pub(crate) fn print(&self) {
        let Self { what, measured, limit, unit } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        println!("{what:<70} {measured:>10.3} ≤ {limit:<8} {unit:<3} {verdict}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Times;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times: Times = [4, 1, 3, 2, 5].map(Duration::from_micros).into_iter().collect();
        assert_eq!(times.shortest(), Duration::from_micros(1));
        assert_eq!(times.median(), Duration::from_micros(3));
        assert_eq!(times.quantile(0.9), Duration::from_micros(5));
        assert_eq!(times.worst(), Duration::from_micros(5));
        assert_eq!(Times::default().median(), Duration::ZERO);
    }
}
