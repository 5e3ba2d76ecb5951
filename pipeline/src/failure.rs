//! Why a stage failed.

use std::time::Duration;

use sluice_engine::EngineError;
use sluice_model::ErrorClass;
use sluice_planner::Denial;

/// Why a stage failed while the pipeline ran.
#[derive(Debug, thiserror::Error)]
pub enum StageFailure {
    /// The engine could not run it, or an expectation does not hold.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The run's time was over.
    #[error("it was stopped: the run's timeout of {} was over", written(*.timeout))]
    TimedOut {
        /// The run's timeout.
        timeout: Duration,
    },
    /// The code that ran it panicked.
    #[error("internal error: the stage broke off")]
    BrokeOff,
}

impl StageFailure {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Engine(error) => error.class(),
            Self::TimedOut { .. } => ErrorClass::Unavailable,
            Self::BrokeOff => ErrorClass::Bug,
        }
    }

    /// What would help, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::TimedOut { .. } => Some("give the pipeline a longer `timeout` in its header".to_owned()),
            Self::BrokeOff => None,
        }
    }

    /// Everything that policy refused.
    pub fn denials(&self) -> &[Denial] {
        match self {
            Self::Engine(error) => error.denials(),
            Self::TimedOut { .. } | Self::BrokeOff => &[],
        }
    }
}

/// A duration in the largest unit of the file's notation that holds it exactly.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let whole = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")]
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit) && duration.subsec_nanos() == 0);
    match whole {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{}ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_a_file() {
        assert_eq!(written(Duration::from_secs(3_600)), "1h");
        assert_eq!(written(Duration::from_secs(90)), "90s");
        assert_eq!(written(Duration::from_secs(1_800)), "30m");
        assert_eq!(written(Duration::from_millis(1_500)), "1500ms");
    }
}
