//! `UNNEST`. Rule: `d` of the container; `R ⊔= E(container)`. The length of a list decides how many rows there are.
//! Spreading a struct makes columns, not rows, but the optimizer drops no container that nobody reads: computing it can
//! fail for a reader of other columns.

use datafusion_expr::Unnest;

use super::{Labeller, Reading, RelationLabel, Rule, Via};
use crate::{PlanError, label::relation::ColumnLabel};

impl<R: Reading> Labeller<R> {
    pub(super) fn unnest(&mut self, unnest: &Unnest) -> Result<RelationLabel, PlanError> {
        let input = self.relation(&unnest.input)?;
        let from = |column: usize| {
            input.columns.get(column).ok_or_else(|| PlanError::Bug("UNNEST refers past its input".to_owned()))
        };
        let mut rows = input.rows.clone();
        let lists = unnest.list_type_columns.iter().map(|(container, _)| container);
        for container in lists.chain(&unnest.struct_type_columns) {
            let container = from(*container)?.all();
            if self.on(Rule::UnnestRows) {
                rows.join(&self.via(&container, Via::Join));
            }
        }
        let spread = |column: usize| {
            unnest.list_type_columns.iter().any(|(container, _)| *container == column)
                || unnest.struct_type_columns.contains(&column)
        };
        let columns = unnest
            .dependency_indices
            .iter()
            .map(|column| {
                let label = from(*column)?;
                if !spread(*column) {
                    return Ok(label.clone());
                }
                if !self.on(Rule::UnnestContainer) {
                    return Ok(ColumnLabel::default());
                }
                let direct = self.via(&label.direct, Via::Transformation);
                Ok(ColumnLabel { direct, indirect: label.indirect.clone() })
            })
            .collect::<Result<_, PlanError>>()?;
        Ok(RelationLabel { columns, rows })
    }
}
