//! How far a pipeline's run has come: a line per stage that lives on a terminal, plain lines elsewhere.

mod bars;

use std::{borrow::Cow, sync::Arc};

use sluice_pipeline::{Event, Skipped};

use crate::screen::Screen;
use bars::Bars;

/// Shows the events of one run.
pub(crate) enum Progress {
    /// On a terminal.
    Bars(Bars),
    /// Elsewhere.
    Lines,
    /// Nowhere.
    Hidden,
}

impl Progress {
    /// What suits `screen`.
    pub(crate) fn new(screen: &Screen) -> Self {
        if screen.is_quiet() {
            Self::Hidden
        } else if screen.errors_are_terminal() {
            Self::Bars(Bars::new(screen.color_errors()))
        } else {
            Self::Lines
        }
    }

    /// Shows `event`.
    pub(crate) fn show(&self, event: &Event) {
        match self {
            Self::Bars(bars) => bars.show(event),
            Self::Lines => {
                if let Some(line) = line(event) {
                    eprintln!("{line}");
                }
            }
            Self::Hidden => {}
        }
    }

    /// Takes away what a summary is about to say again.
    pub(crate) fn clear(&self) {
        match self {
            Self::Bars(bars) => bars.clear(),
            Self::Lines | Self::Hidden => {}
        }
    }
}

/// One line for what is worth one.
fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Waiting { pipeline } => format!("{pipeline}: waiting for another run to end"),
        Event::RunStarted { run, stages, resumed } => {
            let verb = if *resumed { "taken up again" } else { "begins" };
            format!("run {run} {verb}: {} stages", stages.len())
        }
        Event::StageStarted { stage } => format!("{stage}: started"),
        Event::StageProgress { .. } => return None,
        Event::StageRetried { stage, attempt, error } => format!("{stage}: attempt {attempt} failed: {error}"),
        Event::StageFinished { stage, .. } | Event::StageFailed { stage, .. } | Event::StageSkipped { stage, .. } => {
            format!("{stage}: {}", end(event)?)
        }
    })
}

/// What has become of a stage, where that is settled.
fn end(event: &Event) -> Option<String> {
    match event {
        Event::StageFinished { already_committed: true, version, .. } => {
            Some(format!("version {version} was written by an earlier attempt"))
        }
        Event::StageFinished { rows, version, elapsed_ms, .. } => {
            let rows = rows.map_or(Cow::Borrowed("written"), |rows| Cow::Owned(counted(rows)));
            Some(format!("{rows}, version {version}, {}", duration(*elapsed_ms)))
        }
        Event::StageFailed { failure, .. } => Some(format!("failed: {failure}")),
        Event::StageSkipped { why: Skipped::DependsOn(stages), .. } => {
            Some(format!("skipped: depends on {}", joined(stages)))
        }
        Event::StageSkipped { why: Skipped::RunEnding, .. } => Some("skipped: another stage failed".to_owned()),
        Event::Waiting { .. }
        | Event::RunStarted { .. }
        | Event::StageStarted { .. }
        | Event::StageProgress { .. }
        | Event::StageRetried { .. } => None,
    }
}

fn joined(stages: &[Arc<str>]) -> String {
    stages.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" and ")
}

fn counted(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", indicatif::HumanCount(rows)),
    }
}

fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_stage_says_what_it_wrote() {
        let finished = |rows| Event::StageFinished {
            stage: "income.people".into(),
            rows,
            version: 3,
            elapsed_ms: 1_250,
            already_committed: false,
        };
        assert_eq!(line(&finished(Some(32_561))).as_deref(), Some("income.people: 32,561 rows, version 3, 1.2 s"));
        assert_eq!(line(&finished(None)).as_deref(), Some("income.people: written, version 3, 1.2 s"));
    }

    #[test]
    fn durations_take_a_unit_that_fits() {
        assert_eq!([7, 1_250, 61_000].map(duration), ["7 ms", "1.2 s", "1 min 1 s"]);
    }
}
