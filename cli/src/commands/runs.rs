//! `sluice runs`.

use sluice_engine::{EngineError, Session};
use sluice_model::Domain;

use crate::{
    answer::{Answer, instant},
    args::{Common, Format},
    failure::{CliError, Failure},
    home, render,
    screen::Screen,
};

/// Lists the latest runs, newest first.
pub(super) async fn list(common: &Common, limit: u32, screen: &mut Screen) -> Result<(), Failure> {
    home::with_session(common, Domain::default(), async |session| latest(&session, limit, screen).await).await
}

/// Shows the stages of one run.
pub(super) async fn show(common: &Common, id: &str, screen: &mut Screen) -> Result<(), Failure> {
    home::with_session(common, Domain::default(), async |session| stages(&session, id, screen).await).await
}

async fn latest(session: &Session, limit: u32, screen: &mut Screen) -> Result<(), Failure> {
    let runs = session.engine().catalog().runs(limit).await.map_err(EngineError::from)?;
    let answer = Answer::default()
        .text("run", runs.iter().map(|run| &run.id))
        .text("pipeline", runs.iter().map(|run| &run.pipeline))
        .text("principal", runs.iter().map(|run| &run.principal))
        .text("domain", runs.iter().map(|run| run.domain.as_str()))
        .text("status", runs.iter().map(|run| run.status.as_str()))
        .optional_text("started", runs.iter().map(|run| instant(run.started_at_ms)))
        .numbers("elapsed_ms", runs.iter().map(|run| between(Some(run.started_at_ms), run.ended_at_ms)))
        .text("parameters", runs.iter().map(|run| run.params.to_string()));
    // Nobody reads a digest; programs compare them.
    let answer = match screen.format {
        Format::Table => answer,
        Format::Csv | Format::Json | Format::Ndjson | Format::Arrow => {
            answer.text("digest", runs.iter().map(|run| &run.digest))
        }
    };
    Ok(render::answer(screen, &answer.finish().map_err(CliError::from)?, "")?)
}

async fn stages(session: &Session, id: &str, screen: &mut Screen) -> Result<(), Failure> {
    let run = session.engine().catalog().run(id).await.map_err(EngineError::from)?;
    let (_, stages) = run.ok_or_else(|| CliError::NoRun(id.to_owned()))?;
    // A row count that was withheld from whoever ran the stage is withheld from whoever reads about it.
    let rows = |stage: &sluice_catalog::StageRecord| stage.rows.filter(|_| !stage.withheld);
    let answer = Answer::default()
        .text("stage", stages.iter().map(|stage| &stage.name))
        .text("status", stages.iter().map(|stage| stage.status.as_str()))
        .numbers("attempts", stages.iter().map(|stage| Some(u64::from(stage.attempt))))
        .numbers("rows", stages.iter().map(rows))
        .text("withheld", stages.iter().map(|stage| if stage.withheld { "yes" } else { "no" }))
        .numbers("version", stages.iter().map(|stage| stage.version))
        .optional_text("started", stages.iter().map(|stage| stage.started_at_ms.and_then(instant)))
        .numbers("elapsed_ms", stages.iter().map(|stage| between(stage.started_at_ms, stage.ended_at_ms)));
    Ok(render::answer(screen, &answer.finish().map_err(CliError::from)?, "")?)
}

/// How long something took; `None` while it has not ended.
fn between(started_at_ms: Option<i64>, ended_at_ms: Option<i64>) -> Option<u64> {
    u64::try_from(ended_at_ms?.checked_sub(started_at_ms?)?).ok()
}
