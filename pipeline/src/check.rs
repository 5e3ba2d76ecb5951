//! Every decision that a run would take, before anything runs.

use std::{collections::HashMap, fmt, sync::Arc};

use sluice_catalog::{ColumnSnapshot, StoredTag, TableRequest};
use sluice_engine::{EngineError, Session, StageDecision};
use sluice_model::TableName;
use sluice_planner::parse::SourceSpan;

use crate::{
    Arguments, Graph, Pipeline, PipelineError,
    admission::admit,
    graph::{Cycle, Frontier},
    stage::{Planned, Setting},
};

/// What would become of every stage of a pipeline.
#[derive(Debug)]
pub struct Checked {
    /// The pipeline.
    pub pipeline: Arc<str>,
    /// Its stages, in the order of the file.
    pub stages: Vec<CheckedStage>,
    /// Their order: that of the file's names, and what catalog views add to it.
    pub graph: Graph,
}

/// What would become of a stage.
#[derive(Debug)]
pub struct CheckedStage {
    /// The stage.
    pub name: Arc<str>,
    /// Where it stands in the file.
    pub span: SourceSpan,
    /// The tables and catalog views that it names, also through temporary views.
    pub reads: Vec<TableRequest>,
    /// The table that it writes.
    pub writes: TableName,
    /// What would become of it.
    pub verdict: Verdict,
}

/// What would become of a stage.
#[derive(Debug)]
pub enum Verdict {
    /// It would run.
    Passed {
        /// The columns of the table that it writes, with the tags that they would carry.
        columns: Vec<ColumnSnapshot>,
        /// The tags that the table's rows would carry.
        row_tags: Vec<StoredTag>,
        /// What was decided on the way.
        decisions: Vec<StageDecision>,
    },
    /// It cannot be planned, or policy refuses it.
    Refused(EngineError),
    /// A stage that it depends on would not run, so its own tables and tags are not known.
    NotChecked {
        /// The stages that it needs directly and that would not run.
        depends_on: Vec<Arc<str>>,
    },
}

impl Checked {
    /// Whether every stage would run.
    pub fn is_ok(&self) -> bool {
        self.stages.iter().all(|stage| matches!(stage.verdict, Verdict::Passed { .. }))
    }

    /// The stages that are refused, each with why.
    pub fn refusals(&self) -> impl Iterator<Item = (&Arc<str>, &EngineError)> {
        self.stages.iter().filter_map(|stage| match &stage.verdict {
            Verdict::Refused(error) => Some((&stage.name, error)),
            Verdict::Passed { .. } | Verdict::NotChecked { .. } => None,
        })
    }
}

/// What keeps the pipeline from running, one line for each reason.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipeline `{}` would not run", self.pipeline)?;
        for stage in &self.stages {
            match &stage.verdict {
                Verdict::Passed { .. } => {}
                Verdict::Refused(error) => {
                    for line in error.to_string().lines() {
                        write!(f, "\nstage `{}`: {line}", stage.name)?;
                    }
                }
                Verdict::NotChecked { depends_on } => {
                    let names: Vec<_> = depends_on.iter().map(|name| format!("`{name}`")).collect();
                    write!(f, "\nstage `{}`: not checked: depends on {}", stage.name, names.join(" and "))?;
                }
            }
        }
        Ok(())
    }
}

/// Takes every decision that [`crate::run()`] would take, and runs nothing.
///
/// Stages are planned in their order, each over the tables of the others as they will be. One that is refused keeps
/// only those from being checked that depend on it.
///
/// # Errors
/// [`PipelineError`] if the pipeline may not run at all, its stages form a cycle through views of the catalog, or
/// the catalog cannot be read. What is wrong with a single stage is in the answer.
pub async fn check(session: &Session, pipeline: &Pipeline, arguments: &Arguments) -> Result<Checked, PipelineError> {
    admit(session, pipeline).await?;
    let setting = setting(session, pipeline, arguments).await?;
    check_in(session, pipeline, &setting).await
}

/// What the stages of a check or run have in common.
pub(crate) async fn setting(
    session: &Session,
    pipeline: &Pipeline,
    arguments: &Arguments,
) -> Result<Setting, PipelineError> {
    Ok(Setting {
        parameters: arguments.parameters().clone(),
        views: pipeline.views().clone(),
        approved: session.engine().catalog().is_approved(&pipeline.digest()).await?,
    })
}

/// [`check()`] for a session that was admitted.
///
/// The names in the file do not show what a view of the catalog reads. Where one turns out to read a table that the
/// pipeline writes, the order gets that need too, and everything is planned again in the new order.
pub(crate) async fn check_in(
    session: &Session,
    pipeline: &Pipeline,
    setting: &Setting,
) -> Result<Checked, PipelineError> {
    let mut graph = pipeline.graph().clone();
    loop {
        let (verdicts, found) = plan(session, pipeline, setting, &graph).await;
        let unknown: Vec<_> =
            found.into_iter().filter(|(stage, need)| !graph.needs(*stage).any(|known| known == *need)).collect();
        if !unknown.is_empty() {
            graph = graph.with(&unknown).map_err(|cycle| cycle_error(&cycle, pipeline))?;
            continue;
        }
        let stages = pipeline.stages().iter().zip(verdicts).map(|(stage, verdict)| CheckedStage {
            name: Arc::clone(stage.name()),
            span: stage.span(),
            reads: stage.reads().to_vec(),
            writes: stage.output().clone(),
            verdict,
        });
        return Ok(Checked { pipeline: Arc::clone(pipeline.name()), stages: stages.collect(), graph });
    }
}

/// Plans the stages in the order of `graph`: what would become of each, and the needs that planning has found.
async fn plan(
    session: &Session,
    pipeline: &Pipeline,
    setting: &Setting,
    graph: &Graph,
) -> (Vec<Verdict>, Vec<(usize, usize)>) {
    let writers: HashMap<_, _> = pipeline.stages().iter().map(|stage| stage.output()).zip(0..).collect();
    let mut frontier = Frontier::new(graph);
    let mut planned = Planned::new();
    let mut verdicts: HashMap<usize, Verdict> = HashMap::new();
    let mut needs = Vec::new();
    while let Some(at) = frontier.start() {
        let stage = &pipeline.stages()[at];
        let verdict = match session.check_stage(&stage.in_setting(setting, &planned)).await {
            Ok(checked) => {
                let read = checked.inputs.iter().filter_map(|table| writers.get(table));
                needs.extend(read.filter(|writer| !(**writer == at && stage.adds())).map(|writer| (at, *writer)));
                frontier.finish(at);
                let output = checked.output;
                planned.insert(stage.output().clone(), Arc::clone(&output));
                Verdict::Passed {
                    columns: output.columns.clone(),
                    row_tags: output.row_tags.clone(),
                    decisions: checked.decisions,
                }
            }
            Err(error) => Verdict::Refused(error),
        };
        verdicts.insert(at, verdict);
    }
    let passed = |stage: &usize| matches!(verdicts.get(stage), Some(Verdict::Passed { .. }));
    let blocked: Vec<(usize, Verdict)> = (0..pipeline.stages().len())
        .filter(|stage| !verdicts.contains_key(stage))
        .map(|stage| {
            let missing = graph.needs(stage).filter(|need| !passed(need));
            let depends_on = missing.map(|need| Arc::clone(pipeline.stages()[need].name())).collect();
            (stage, Verdict::NotChecked { depends_on })
        })
        .collect();
    verdicts.extend(blocked);
    let mut verdicts: Vec<_> = verdicts.into_iter().collect();
    verdicts.sort_unstable_by_key(|(stage, _)| *stage);
    (verdicts.into_iter().map(|(_, verdict)| verdict).collect(), needs)
}

fn cycle_error(cycle: &Cycle, pipeline: &Pipeline) -> PipelineError {
    let stages: Vec<_> = cycle.0.iter().map(|stage| &pipeline.stages()[*stage]).collect();
    PipelineError::Cycle {
        names: stages.iter().map(|stage| stage.name().to_string()).collect(),
        through_catalog: true,
        span: stages.first().map(|stage| stage.span()).unwrap_or_default(),
    }
}
