//! Running a pipeline.
//!
//! ```text
//! admit ▸ lock ▸ check every stage ▸ begin or take up the run ▸ stages, side by side ▸ end the run
//! ```

mod attempts;
mod journal;
mod side_by_side;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_catalog::{PipelineRecord, RunStatus};
use sluice_engine::Session;

use crate::{
    Arguments, Event, Pipeline, PipelineError, Summary,
    admission::admit,
    check::{check_in, setting},
};
use attempts::Work;
use journal::Journal;

/// How long a run waits for another run of the same pipeline where its file names no timeout.
const DEFAULT_WAIT: Duration = Duration::from_secs(600);

/// Runs a pipeline: every stage's table is committed in one Delta transaction.
///
/// Nothing runs before every stage is checked. Two runs of one pipeline never overlap, whichever processes they are
/// in: the second waits for the first, at most for the file's timeout. A run whose process died is taken up by the
/// next one with the same file, arguments and principal, within a day: it keeps its id, and the stages that it had
/// committed are not run again.
///
/// The file's timeout begins with the first stage. When it is over, the stages that are running are stopped before
/// they commit.
///
/// `events` is called from this task, in order.
///
/// # Errors
/// [`PipelineError::Refused`] with every stage that cannot run, where nothing has run; [`PipelineError::Failed`] with
/// the whole summary, where some stage failed or was stopped; others of [`PipelineError`] where the pipeline may not
/// run at all, or its progress cannot be recorded.
pub async fn run(
    session: &Session,
    pipeline: &Pipeline,
    arguments: &Arguments,
    events: &(dyn Fn(Event) + Send + Sync),
) -> Result<Summary, PipelineError> {
    let timeout = pipeline.header().timeout_ms.map(Duration::from_millis);
    admit(session, pipeline).await?;
    let waiting = || events(Event::Waiting { pipeline: Arc::clone(pipeline.name()) });
    let lock = format!("pipeline:{}", pipeline.name());
    let _lock = session.engine().lock(&lock, timeout.unwrap_or(DEFAULT_WAIT), waiting).await?;

    // Again, now that nobody else can put the pipeline on record.
    admit(session, pipeline).await?;
    let setting = setting(session, pipeline, arguments).await?;
    let checked = check_in(session, pipeline, &setting).await?;
    if !checked.is_ok() {
        return Err(PipelineError::Refused(Box::new(checked)));
    }

    session.engine().catalog().put_pipeline(&record(session, pipeline)).await?;
    let (journal, stages) = Journal::begin(session, pipeline, arguments).await?;
    events(Event::RunStarted {
        run: Arc::clone(journal.run()),
        stages: stages.iter().map(|stage| Arc::clone(&stage.name)).collect(),
        resumed: journal.is_resumed(),
    });
    let started = Instant::now();
    let work = Arc::new(Work { session: session.clone(), pipeline: pipeline.clone(), setting, journal });
    let stages = side_by_side::run(&work, &checked.graph, stages, timeout, events).await?;
    let summary = Summary {
        run: Arc::clone(work.journal.run()),
        pipeline: Arc::clone(pipeline.name()),
        elapsed_ms: elapsed_ms(started),
        stages,
    };
    if summary.is_ok() {
        work.journal.end(RunStatus::Succeeded).await?;
        Ok(summary)
    } else {
        work.journal.end(RunStatus::Failed).await?;
        Err(PipelineError::Failed(Box::new(summary)))
    }
}

/// The pipeline as it is kept, for whatever starts it by its schedule.
fn record(session: &Session, pipeline: &Pipeline) -> PipelineRecord {
    let header = pipeline.header();
    PipelineRecord {
        name: Arc::clone(&header.name),
        owner: Arc::clone(header.owner.as_ref().unwrap_or(&session.subject().principal.name)),
        domain: header.domain,
        cron: header.schedule.as_ref().map(|schedule| schedule.cron.as_str().into()),
        time_zone: header.schedule.as_ref().map(|schedule| schedule.time_zone.as_str().into()),
        digest: pipeline.digest().to_string(),
        text: pipeline.text().to_string(),
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds if it compiles: whoever serves many sessions spawns their runs.
    #[test]
    fn a_run_can_move_between_threads() {
        fn is_send<T: Send>(_: T) {}
        let _ = |session: &Session, pipeline: &Pipeline, arguments: &Arguments| {
            is_send(run(session, pipeline, arguments, &|_| {}));
        };
    }
}
