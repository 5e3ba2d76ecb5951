//! Errors, as whoever asked gets to read them.

mod draw;
mod json;
mod place;
mod problem;

use crate::{
    args::Format,
    failure::{CliError, Failure},
    screen::Screen,
};

/// Writes `failure` to standard error: drawn under the text that it stands in, or as one JSON object where results
/// are JSON.
pub(crate) fn report(failure: &Failure, screen: &mut Screen) {
    let text = match screen.format {
        Format::Json => json::object(failure).to_string(),
        Format::Table | Format::Csv | Format::Ndjson | Format::Arrow => {
            draw::draw(failure, &draw::Layout { colored: screen.color_errors(), width: screen.error_width() })
        }
    };
    if matches!(failure.error, CliError::Interrupted) && screen.errors_are_terminal() {
        // The terminal has just shown the key, and stands behind it.
        screen.say("");
    }
    screen.say(&text);
}

/// The text of `failure` as results are shown, for where an error is what was to be shown.
pub(crate) fn drawn(failure: &Failure, screen: &Screen) -> String {
    draw::draw(failure, &draw::Layout { colored: screen.color_output(), width: screen.output_width() })
}

#[cfg(test)]
mod samples {
    use sluice_engine::EngineError;
    use sluice_model::{Flow, TableName, TagAction};
    use sluice_planner::{ColumnOrRows, Denial, DenialKind, PlanError, parse};

    use crate::failure::{Failure, Script};

    /// A refusal of every one of `columns` in `text`.
    pub(super) fn refused(text: &str, columns: &[&str]) -> Failure {
        let denials = columns.iter().map(|column| {
            let Ok(tag) = format!("special_category.{column}").parse() else { panic!("a tag") };
            let name = TableName::new("census", "adult").column(*column);
            Denial {
                path: vec![name.to_string(), format!("result column {column}")],
                kind: DenialKind::Tag {
                    column: ColumnOrRows::Column(name),
                    tag,
                    action: TagAction::Read,
                    flow: Flow::Direct,
                    output: Some((*column).to_owned()),
                },
                principal: "ana".to_owned(),
                hint: Some("leave it out".to_owned()),
                policies: Vec::new(),
            }
        });
        let error = EngineError::Plan(PlanError::Denied(denials.collect()));
        Failure::within(error, &Script::typed(text), 0..text.len())
    }

    /// The error of reading `text`, a file.
    pub(super) fn misread(text: &str) -> Failure {
        let Err(error) = parse::parse(text) else { panic!("`{text}` was read") };
        let script = Script { name: Some("queries.sql".into()), ..Script::typed(text) };
        Failure::within(EngineError::from(error), &script, 0..text.len())
    }
}
