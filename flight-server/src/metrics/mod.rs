//! What the server counts about itself, for Prometheus.
//!
//! Nothing here names a principal, a table, a column or a tag: whoever may read the figures of a server need not know who
//! uses it for what. Labels are enums or texts of the program, so their number is bounded too.

mod http;
mod labels;
mod memory;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder, core::Collector,
};

pub(crate) use http::serve;
pub(crate) use labels::{Stage, StatementKind, StatementOutcome};

use labels::code_name;

/// The figures of one server. Clones count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    instruments: Arc<Instruments>,
}

#[derive(Debug)]
struct Instruments {
    registry: Registry,
    statements: IntCounterVec,
    statement_seconds: HistogramVec,
    running: IntGauge,
    queued: IntGauge,
    sessions: IntGauge,
    handles: IntGauge,
    rows_sent: IntCounter,
    bytes_sent: IntCounter,
    denials: IntCounter,
    authentication_failures: IntCounter,
    rpcs: IntCounterVec,
    resident_bytes: IntGauge,
    draining: AtomicBool,
}

/// From a millisecond to an hour: an answer may be read for as long as a statement may run.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 600.0, 3600.0];

impl Metrics {
    /// Figures that all are zero.
    ///
    /// # Errors
    /// [`prometheus::Error`] where two instruments have one name, which would be a bug of this file.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name, help| register(&registry, IntCounter::new(name, help)?);
        let gauge = |name, help| register(&registry, IntGauge::new(name, help)?);
        let counters =
            |name, help, labels: &[&str]| register(&registry, IntCounterVec::new(Opts::new(name, help), labels)?);
        let seconds = HistogramOpts::new("sluice_statement_seconds", "How long the stages of statements take.")
            .buckets(SECONDS.to_vec());
        let instruments = Instruments {
            statements: counters("sluice_statements_total", "Statements that ended.", &["kind", "outcome"])?,
            statement_seconds: register(&registry, HistogramVec::new(seconds, &["stage"])?)?,
            running: gauge("sluice_running_statements", "Statements that run.")?,
            queued: gauge("sluice_queued_statements", "Statements that wait for their turn.")?,
            sessions: gauge("sluice_sessions", "Sessions that are open.")?,
            handles: gauge("sluice_handles", "Prepared statements and results that are kept for their clients.")?,
            rows_sent: counter("sluice_rows_sent_total", "Rows of answers.")?,
            bytes_sent: counter("sluice_bytes_sent_total", "Bytes of answers, as encoded.")?,
            denials: counter("sluice_denials_total", "Statements that policy refused.")?,
            authentication_failures: counter(
                "sluice_authentication_failures_total",
                "Calls without valid credentials.",
            )?,
            rpcs: counters("sluice_rpcs_total", "Calls that ended.", &["method", "code"])?,
            resident_bytes: gauge("process_resident_memory_bytes", "Memory that the process has in use.")?,
            draining: AtomicBool::new(false),
            registry,
        };
        // A rate can be taken only of what was zero before it was one.
        for kind in StatementKind::ALL {
            for outcome in StatementOutcome::ALL {
                instruments.statements.with_label_values(&[kind.as_str(), outcome.as_str()]);
            }
        }
        for stage in Stage::ALL {
            instruments.statement_seconds.with_label_values(&[stage.as_str()]);
        }
        Ok(Self { instruments: Arc::new(instruments) })
    }

    /// A statement ended.
    pub(crate) fn statement(&self, kind: StatementKind, outcome: StatementOutcome) {
        self.instruments.statements.with_label_values(&[kind.as_str(), outcome.as_str()]).inc();
        if outcome == StatementOutcome::Denied {
            self.instruments.denials.inc();
        }
    }

    /// A stage of a statement took `time`.
    pub(crate) fn observe(&self, stage: Stage, time: Duration) {
        self.instruments.statement_seconds.with_label_values(&[stage.as_str()]).observe(time.as_secs_f64());
    }

    /// So many statements run.
    pub(crate) fn set_running(&self, statements: usize) {
        self.instruments.running.set(saturating(statements));
    }

    /// So many statements wait for their turn.
    pub(crate) fn set_queued(&self, statements: usize) {
        self.instruments.queued.set(saturating(statements));
    }

    /// A session was opened; it counts until what is returned is dropped.
    pub(crate) fn session(&self) -> Counted {
        Counted::new(&self.instruments.sessions)
    }

    /// A handle was given out; it counts until what is returned is dropped.
    pub(crate) fn handle(&self) -> Counted {
        Counted::new(&self.instruments.handles)
    }

    /// A part of an answer was sent.
    pub(crate) fn sent(&self, rows: u64, bytes: u64) {
        self.instruments.rows_sent.inc_by(rows);
        self.instruments.bytes_sent.inc_by(bytes);
    }

    /// A call came without valid credentials.
    pub(crate) fn authentication_failed(&self) {
        self.instruments.authentication_failures.inc();
    }

    /// A call of `method` ended with `code`. The method is a text of the program, never the path that a caller sent.
    pub(crate) fn rpc(&self, method: &'static str, code: tonic::Code) {
        self.instruments.rpcs.with_label_values(&[method, code_name(code)]).inc();
    }

    /// From now on the server takes no new work, and `/healthz` says so; draining the limiter does this.
    pub(crate) fn set_draining(&self) {
        self.instruments.draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.instruments.draining.load(Ordering::Relaxed)
    }

    /// All figures in Prometheus' text format 0.0.4.
    fn text(&self) -> Result<String, prometheus::Error> {
        if let Some(bytes) = memory::resident_bytes() {
            self.instruments.resident_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        TextEncoder::new().encode_to_string(&self.instruments.registry.gather())
    }
}

/// One of a number of things that are counted while they exist.
#[derive(Debug)]
#[must_use = "it counts only while it is kept"]
pub(crate) struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn saturating(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(metrics: &Metrics, start: &str) -> Option<String> {
        let text = metrics.text().unwrap();
        text.lines().find(|line| line.starts_with(start)).map(ToOwned::to_owned)
    }

    #[test]
    fn a_statement_counts_under_its_kind_and_outcome() {
        let metrics = Metrics::new().unwrap();
        metrics.statement(StatementKind::Query, StatementOutcome::Denied);
        let denied = "sluice_statements_total{kind=\"query\",outcome=\"denied\"}";
        assert_eq!(line(&metrics, denied), Some(format!("{denied} 1")));
        let done = "sluice_statements_total{kind=\"query\",outcome=\"done\"}";
        assert_eq!(line(&metrics, done), Some(format!("{done} 0")));
        assert_eq!(line(&metrics, "sluice_denials_total"), Some("sluice_denials_total 1".to_owned()));
    }

    #[test]
    fn a_session_counts_while_it_is_kept() {
        let metrics = Metrics::new().unwrap();
        let session = metrics.session();
        assert_eq!(line(&metrics, "sluice_sessions"), Some("sluice_sessions 1".to_owned()));
        drop(session);
        assert_eq!(line(&metrics, "sluice_sessions"), Some("sluice_sessions 0".to_owned()));
    }

    #[test]
    fn calls_and_what_they_sent_are_counted() {
        let metrics = Metrics::new().unwrap();
        metrics.rpc("DoGet", tonic::Code::ResourceExhausted);
        metrics.sent(3, 100);
        metrics.sent(4, 200);
        let calls = "sluice_rpcs_total{code=\"RESOURCE_EXHAUSTED\",method=\"DoGet\"}";
        assert_eq!(line(&metrics, calls), Some(format!("{calls} 1")));
        assert_eq!(line(&metrics, "sluice_rows_sent_total"), Some("sluice_rows_sent_total 7".to_owned()));
        assert_eq!(line(&metrics, "sluice_bytes_sent_total"), Some("sluice_bytes_sent_total 300".to_owned()));
    }

    #[test]
    fn a_time_falls_into_the_bucket_of_its_stage() {
        let metrics = Metrics::new().unwrap();
        metrics.observe(Stage::Stream, Duration::from_secs(2));
        let buckets = |bound: &str| format!("sluice_statement_seconds_bucket{{stage=\"stream\",le=\"{bound}\"}}");
        assert_eq!(line(&metrics, &buckets("1")), Some(format!("{} 0", buckets("1"))));
        assert_eq!(line(&metrics, &buckets("5")), Some(format!("{} 1", buckets("5"))));
    }
}
