//! The limits as an operator writes them, in `[server]` of `sluice.toml`.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use serde::Deserialize;

const MEBIBYTE: u64 = 1 << 20;

/// The limits of a server.
///
/// Counts and times that mean nothing at zero cannot be zero, so that no typing error makes a server that never answers.
/// Times are 32 bits of seconds: added to any moment of a running process they cannot overflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitOptions {
    /// How many statements run at once.
    pub(crate) max_statements: NonZeroUsize,
    /// How many of them one principal may have.
    pub(crate) max_statements_per_principal: NonZeroUsize,
    /// How many statements may wait for their turn; 0 refuses whatever cannot start at once.
    pub(crate) max_queued: usize,
    /// How long a statement may wait for its turn, in seconds.
    pub(crate) queue_timeout_s: u32,
    /// How long a statement may run, its answer being read included, in seconds.
    pub(crate) statement_timeout_s: NonZeroU32,
    /// How long an answer may go unread, in seconds.
    pub(crate) stalled_stream_timeout_s: NonZeroU32,
    /// How large one statement's answer may be, in mebibytes; 0 for any size.
    pub(crate) max_result_mb: u32,
    /// How large one gRPC message may be, in mebibytes.
    pub(crate) max_message_mb: NonZeroU32,
    /// How much memory one principal's statements may use together, in mebibytes; 0 for all that there is.
    pub(crate) memory_per_principal_mb: u32,
    /// How long a session is kept without being used, in seconds.
    pub(crate) session_idle_timeout_s: NonZeroU32,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            max_statements: const { NonZeroUsize::new(16).unwrap() },
            max_statements_per_principal: const { NonZeroUsize::new(8).unwrap() },
            max_queued: 64,
            queue_timeout_s: 30,
            statement_timeout_s: const { NonZeroU32::new(3600).unwrap() },
            stalled_stream_timeout_s: const { NonZeroU32::new(120).unwrap() },
            max_result_mb: 0,
            max_message_mb: const { NonZeroU32::new(64).unwrap() },
            memory_per_principal_mb: 0,
            session_idle_timeout_s: const { NonZeroU32::new(3600).unwrap() },
        }
    }
}

impl LimitOptions {
    /// How long a statement may wait for its turn.
    pub(crate) fn queue_timeout(&self) -> Duration {
        seconds(self.queue_timeout_s)
    }

    /// How long a statement may run.
    pub(crate) fn statement_timeout(&self) -> Duration {
        seconds(self.statement_timeout_s.get())
    }

    /// How long an answer may go unread.
    pub(crate) fn stalled_stream_timeout(&self) -> Duration {
        seconds(self.stalled_stream_timeout_s.get())
    }

    /// How long a session is kept without being used.
    pub(crate) fn session_idle_timeout(&self) -> Duration {
        seconds(self.session_idle_timeout_s.get())
    }

    /// How many bytes one statement may answer; `None` for any number.
    pub(crate) fn max_result_bytes(&self) -> Option<u64> {
        unless_zero(self.max_result_mb)
    }

    /// How many bytes one gRPC message may have.
    pub(crate) fn max_message_bytes(&self) -> usize {
        usize::try_from(u64::from(self.max_message_mb.get()) * MEBIBYTE).unwrap_or(usize::MAX)
    }

    /// How many bytes of memory one principal's statements may use together; `None` for all that there are.
    pub(crate) fn memory_per_principal_bytes(&self) -> Option<usize> {
        unless_zero(self.memory_per_principal_mb).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

fn unless_zero(mebibytes: u32) -> Option<u64> {
    (mebibytes > 0).then(|| u64::from(mebibytes) * MEBIBYTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LimitOptions, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn an_empty_section_is_the_defaults() {
        assert_eq!(read("").unwrap(), LimitOptions::default());
    }

    #[test]
    fn what_is_written_wins_over_the_default_and_leaves_the_rest() {
        let limits = read("max_statements = 2\nmax_result_mb = 3").unwrap();
        assert_eq!(limits.max_statements.get(), 2);
        assert_eq!(limits.max_result_bytes(), Some(3 * MEBIBYTE));
        assert_eq!(limits.queue_timeout(), Duration::from_secs(30));
    }

    #[test]
    fn zero_means_unlimited_for_sizes() {
        let limits = LimitOptions::default();
        assert_eq!(limits.max_result_bytes(), None);
        assert_eq!(limits.memory_per_principal_bytes(), None);
    }

    #[test]
    fn a_server_that_could_never_answer_is_refused() {
        for text in ["max_statements = 0", "max_statements_per_principal = 0", "statement_timeout_s = 0"] {
            assert!(read(text).unwrap_err().to_string().contains("nonzero"), "{text}");
        }
    }

    #[test]
    fn a_misspelt_limit_is_refused() {
        assert!(read("max_statments = 2").unwrap_err().message().contains("unknown field `max_statments`"));
    }
}
