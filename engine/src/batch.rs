//! One statement with several rows of parameters.

use std::{path::Path, sync::Arc};

use datafusion::{common::ScalarValue, physical_plan::stream::RecordBatchStreamAdapter};
use futures::StreamExt;
use sluice_planner::{
    bind::Parameters,
    parse::{Statement, Write},
};
use sqlparser::ast::SetExpr;

use crate::{EngineError, Outcome, Prepared, Session};

/// How many rows of parameters a statement may have that runs once for each.
const MOST_RUNS: usize = 10_000;

impl Session {
    /// Runs `prepared` with every row of `rows`, each of which has a value for each of its parameters. Rows of `VALUES`
    /// are inserted in one transaction; other statements run once for each row, one after the other, and those that
    /// ran stay done when a later one fails.
    ///
    /// # Errors
    /// [`EngineError`] as [`Session::run_with`].
    pub async fn run_rows(
        &mut self,
        prepared: &Prepared,
        rows: Vec<Vec<ScalarValue>>,
        base: &Path,
    ) -> Result<Outcome, EngineError> {
        let (parsed, kept) = (prepared.parsed(), Some(prepared.kept()));
        if parsed.parameters.is_empty() && rows.len() <= 1 {
            return self.run_planned(parsed, kept, &Parameters::default(), base).await;
        }
        if let Some(row) = rows.iter().find(|row| row.len() != parsed.parameters.len()) {
            return Err(EngineError::invalid(
                format!("{} values are bound to {} parameters", row.len(), parsed.parameters.len()),
                "bind one value to each",
            ));
        }
        if rows.len() <= 1 || inserts_values(&parsed.statement) {
            if rows.is_empty() {
                return Ok(Outcome::Done { message: "no rows were bound".to_owned(), affected: Some(0) });
            }
            return self.run_planned(parsed, kept, &Parameters::bound(&parsed.parameters, rows), base).await;
        }
        if rows.len() > MOST_RUNS {
            return Err(EngineError::invalid(
                format!("a statement may run {MOST_RUNS} times at once, and {} rows are bound", rows.len()),
                "write the rows into a table and join with it",
            ));
        }
        let mut affected = Some(0);
        let mut answers = Vec::new();
        for row in rows {
            match self.run_planned(parsed, kept, &Parameters::bound(&parsed.parameters, vec![row]), base).await? {
                Outcome::Done { affected: some, .. } => affected = affected.zip(some).map(|(sum, rows)| sum + rows),
                Outcome::Rows { schema, rows } => answers.push((schema, rows)),
            }
        }
        let Some((schema, _)) = answers.first() else {
            return Ok(Outcome::Done { message: "done".to_owned(), affected });
        };
        let schema = Arc::clone(schema);
        let rows = futures::stream::iter(answers.into_iter().map(|(_, rows)| rows)).flatten();
        let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        Ok(Outcome::Rows { schema, rows })
    }
}

/// Whether the statement is `INSERT … VALUES`, into which any number of rows fit.
fn inserts_values(statement: &Statement) -> bool {
    let Statement::Write(Write::Insert { query, .. }) = statement else { return false };
    query.with.is_none() && query.limit_clause.is_none() && matches!(query.body.as_ref(), SetExpr::Values(_))
}
