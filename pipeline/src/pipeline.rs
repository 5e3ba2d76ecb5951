//! A pipeline file that hangs together.

use std::{collections::HashMap, sync::Arc};

use sluice_model::Digest;
use sluice_planner::{
    bind::LocalView,
    parse::{PipelineHeader, SourceText, StageKind, StageStatement, parse_pipeline},
};

use crate::{
    Graph, PipelineError, PipelineStage,
    literal::literal,
    names::{Views, order},
    schedule,
};

/// A pipeline file that hangs together: every name in it stands for one thing, no table is written twice, and the
/// stages have an order. Whether what it reads exists and may be read is for [`crate::check()`] to say.
#[derive(Debug, Clone)]
pub struct Pipeline {
    text: Arc<str>,
    header: PipelineHeader,
    digest: Digest,
    stages: Vec<PipelineStage>,
    views: HashMap<String, LocalView>,
    graph: Graph,
}

impl Pipeline {
    /// Reads a pipeline file and checks all that needs no catalog.
    ///
    /// # Errors
    /// [`PipelineError`] at the first thing that is wrong: the text, the schedule, a default that is no literal, a
    /// name that stands for two things, a table that is written twice, or a cycle.
    pub fn read(text: &str) -> Result<Self, PipelineError> {
        let file = parse_pipeline(text)?;
        let source = SourceText::new(text);
        check_header(&file.header)?;
        let views = Views::of(&file.stages, &source)?;
        let mut writing = Vec::new();
        for statement in file.stages.iter().filter(|statement| statement.output().is_some()) {
            writing.push((statement, views.names_in(statement)?));
        }
        if writing.is_empty() {
            return Err(PipelineError::NothingWritten { span: file.header.span });
        }
        let graph = order(&writing, &source)?;
        let stages = writing.into_iter().filter_map(|(statement, names)| PipelineStage::of(statement, names)).collect();
        let views = file.stages.iter().filter_map(local_view).collect();
        Ok(Self { text: text.into(), header: file.header, digest: file.digest, stages, views, graph })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &Arc<str> {
        &self.header.name
    }

    /// What stands in the file's first statement.
    pub fn header(&self) -> &PipelineHeader {
        &self.header
    }

    /// The digest of the file, which is what is approved.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The text of the file.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The stages in the order of the file; positions in [`Self::graph`] are positions here.
    pub fn stages(&self) -> &[PipelineStage] {
        &self.stages
    }

    /// The order that follows from the names in the file.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The temporary views that no stage reads, by name. Nothing looks into them, so a mistake there goes unnoticed.
    pub fn unread_views(&self) -> Vec<&str> {
        let is_read = |view: &str| self.stages.iter().any(|stage| stage.reads_view(view));
        let mut unread: Vec<_> = self.views.keys().map(String::as_str).filter(|view| !is_read(view)).collect();
        unread.sort_unstable();
        unread
    }

    /// The temporary views.
    pub(crate) fn views(&self) -> &HashMap<String, LocalView> {
        &self.views
    }
}

fn check_header(header: &PipelineHeader) -> Result<(), PipelineError> {
    if let Some(schedule) = &header.schedule {
        schedule::check(schedule)?;
    }
    let computed = |default| literal(default).is_none();
    match header.parameters.iter().find(|parameter| parameter.default.as_ref().is_some_and(computed)) {
        Some(parameter) => {
            Err(PipelineError::DefaultNotLiteral { parameter: Arc::clone(&parameter.name), span: parameter.span })
        }
        None => Ok(()),
    }
}

fn local_view(statement: &StageStatement) -> Option<(String, LocalView)> {
    match &statement.kind {
        StageKind::View { name } => {
            let view = LocalView { query: statement.query.clone(), versions: statement.versions.clone() };
            Some((name.to_string(), view))
        }
        StageKind::Materialize { .. } | StageKind::Insert { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipeline of `stages`, which begin at line 2.
    fn read(stages: &str) -> Result<Pipeline, PipelineError> {
        Pipeline::read(&format!("PIPELINE p;\n{stages}"))
    }

    fn error(stages: &str) -> String {
        read(stages).unwrap_err().to_string()
    }

    /// Each stage with those that it needs, in the order of the file.
    fn needs(pipeline: &Pipeline) -> Vec<(String, Vec<String>)> {
        let name = |stage: usize| pipeline.stages()[stage].name().to_string();
        (0..pipeline.stages().len())
            .map(|stage| (name(stage), pipeline.graph().needs(stage).map(name).collect()))
            .collect()
    }

    fn stage(name: &str, needs: &[&str]) -> (String, Vec<String>) {
        (name.to_owned(), needs.iter().map(|need| (*need).to_owned()).collect())
    }

    #[test]
    fn the_order_follows_from_names_through_views_and_not_from_the_file() {
        let pipeline = read(
            "CREATE OR REFRESH MATERIALIZED VIEW s.top AS SELECT * FROM outer_view;
             CREATE TEMPORARY VIEW outer_view AS SELECT * FROM inner_view JOIN s.side ON true;
             CREATE TEMPORARY VIEW inner_view AS SELECT * FROM s.base;
             CREATE OR REFRESH MATERIALIZED VIEW s.base AS SELECT * FROM raw.r;
             INSERT INTO s.side SELECT 1;",
        )
        .unwrap();
        assert_eq!(
            needs(&pipeline),
            [stage("s.top", &["s.base", "s.side"]), stage("s.base", &[]), stage("s.side", &[])]
        );
        assert_eq!(pipeline.graph().levels(), [vec![1, 2], vec![0]]);
        let reads: Vec<_> = pipeline.stages()[0].reads().iter().map(|read| read.name.to_string()).collect();
        assert_eq!(reads, ["s.base", "s.side"]);
    }

    #[test]
    fn a_table_named_in_an_expectation_is_read() {
        let pipeline = read(
            "CREATE OR REFRESH MATERIALIZED VIEW s.a (CONSTRAINT known EXPECT (k IN (SELECT k FROM s.b)))
             AS SELECT 1 AS k;
             CREATE OR REFRESH MATERIALIZED VIEW s.b AS SELECT 1 AS k;",
        )
        .unwrap();
        assert_eq!(needs(&pipeline)[0], stage("s.a", &["s.b"]));
    }

    #[test]
    fn an_earlier_version_of_a_table_that_is_written_orders_nothing() {
        let pipeline = read(
            "CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT * FROM s.b VERSION AS OF 3;
             CREATE OR REFRESH MATERIALIZED VIEW s.b AS SELECT * FROM s.a;",
        )
        .unwrap();
        assert_eq!(needs(&pipeline), [stage("s.a", &[]), stage("s.b", &["s.a"])]);
        assert!(read("CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT * FROM s.a VERSION AS OF 3").is_ok());
    }

    #[test]
    fn a_cycle_is_listed_with_the_views_it_goes_through() {
        let stages = "CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT * FROM v;
             CREATE TEMPORARY VIEW v AS SELECT * FROM s.b;
             CREATE OR REFRESH MATERIALIZED VIEW s.b AS SELECT * FROM s.a;";
        let error = read(stages).unwrap_err();
        assert_eq!(error.to_string(), "the stages form a cycle: `s.a` → `s.b` → `v` → `s.a`");
        assert_eq!(error.place().map(|span| span.start), Some("PIPELINE p;\n".len()));
    }

    #[test]
    fn a_materialized_view_cannot_read_itself() {
        let direct = "CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT * FROM s.a";
        assert_eq!(error(direct), "the stages form a cycle: `s.a` → `s.a`");
        let through = "CREATE TEMPORARY VIEW v AS SELECT * FROM s.a;
             CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT * FROM v";
        assert_eq!(error(through), "the stages form a cycle: `s.a` → `v` → `s.a`");
    }

    #[test]
    fn an_insert_can_read_the_table_that_it_adds_to() {
        let pipeline = read("INSERT INTO s.a SELECT * FROM raw.r WHERE k NOT IN (SELECT k FROM s.a)").unwrap();
        assert_eq!(needs(&pipeline), [stage("s.a", &[])]);
    }

    #[test]
    fn views_made_of_one_another_are_a_cycle_even_where_nothing_reads_them() {
        let stages = "CREATE TEMPORARY VIEW v AS SELECT * FROM w;
             CREATE TEMPORARY VIEW w AS SELECT * FROM v;
             INSERT INTO s.a SELECT 1;";
        assert_eq!(error(stages), "the stages form a cycle: `w` → `v` → `w`");
        assert_eq!(
            error("CREATE TEMPORARY VIEW v AS SELECT * FROM v; INSERT INTO s.a SELECT 1"),
            "the stages form a cycle: `v` → `v`"
        );
    }

    #[test]
    fn a_table_is_written_once() {
        let stages = "CREATE OR REFRESH MATERIALIZED VIEW s.a AS SELECT 1;\n\nINSERT INTO s.a SELECT 2;";
        assert_eq!(error(stages), "`s.a` is written twice, by the stages at line 2 and line 4");
        assert_eq!(
            error("INSERT INTO s.a SELECT 1;\nINSERT INTO s.a SELECT 2;"),
            "`s.a` is written twice, by the stages at line 2 and line 3"
        );
    }

    #[test]
    fn a_name_stands_for_one_view() {
        let stages = "CREATE TEMPORARY VIEW v AS SELECT 1;\nCREATE TEMPORARY VIEW v AS SELECT 2;";
        assert_eq!(error(stages), "the temporary view `v` is made twice, at line 2 and line 3");
    }

    #[test]
    fn a_with_query_cannot_hide_a_view() {
        let stages = "CREATE TEMPORARY VIEW v AS SELECT 1;
             INSERT INTO s.a SELECT * FROM (WITH V AS (SELECT 2) SELECT * FROM v)";
        assert_eq!(error(stages), "`v` is a temporary view, made at line 2, and a WITH query of the stage `s.a`");
        assert!(read("INSERT INTO s.a WITH v AS (SELECT 2) SELECT * FROM v").is_ok());
    }

    #[test]
    fn a_pipeline_writes_something() {
        assert_eq!(error("CREATE TEMPORARY VIEW v AS SELECT 1"), "no stage of the pipeline writes a table");
    }

    #[test]
    fn views_that_nothing_reads_are_told() {
        let pipeline = read(
            "CREATE TEMPORARY VIEW used AS SELECT 1;
             CREATE TEMPORARY VIEW idle AS SELECT 1;
             INSERT INTO s.a SELECT * FROM used;",
        )
        .unwrap();
        assert_eq!(pipeline.unread_views(), ["idle"]);
    }

    #[test]
    fn a_default_is_a_literal() {
        let read = |default: &str| {
            Pipeline::read(&format!("PIPELINE p (parameters (d DATE DEFAULT {default})); INSERT INTO s.a SELECT $d"))
        };
        assert!(read("DATE '2026-01-31'").is_ok());
        let error = read("now()").unwrap_err();
        assert_eq!(error.to_string(), "the default of parameter `d` is not a literal");
        assert!(error.place().is_some() && error.hint().is_some());
    }

    #[test]
    fn the_bundled_pipelines_hang_together() {
        for (text, levels) in [
            (include_str!("../../datasets/census/pipeline.sql"), 3),
            (include_str!("../../datasets/flights/pipeline.sql"), 3),
        ] {
            assert_eq!(Pipeline::read(text).unwrap().graph().levels().len(), levels);
        }
    }
}
