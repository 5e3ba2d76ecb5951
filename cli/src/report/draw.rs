//! Errors for people: the message, the text with a caret under it, the path and what would help.

use std::ops::Range;

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet,
    renderer::{DEFAULT_TERM_WIDTH, DecorStyle},
};
use sluice_planner::{Denial, DenialKind};

use super::{causes, place};
use crate::failure::{Excerpt, Failure};

/// What the place where an error is drawn can show.
pub(super) struct Layout {
    /// Whether it shows colours.
    pub(super) colored: bool,
    /// How many characters fit on a line, where that matters.
    pub(super) width: Option<u16>,
}

/// The text of `failure`, one block for each refusal, without a newline at its end.
pub(super) fn draw(failure: &Failure, layout: &Layout) -> String {
    let renderer = if layout.colored { Renderer::styled() } else { Renderer::plain() };
    let width = layout.width.map_or(DEFAULT_TERM_WIDTH, usize::from);
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(width);
    let excerpt = failure.excerpt.as_ref();
    let denials = failure.error.denials();
    if denials.is_empty() {
        return renderer.render(&[error(failure)]);
    }
    let blocks: Vec<_> = denials.iter().map(|denial| renderer.render(&[refusal(denial, excerpt)])).collect();
    blocks.join("\n\n")
}

fn error(failure: &Failure) -> Group<'_> {
    let message = failure.error.to_string();
    let title = Level::ERROR.primary_title(message);
    let snippet = failure.excerpt.as_ref().and_then(|excerpt| {
        let place = place(&failure.error, excerpt)?;
        Some(snippet(excerpt, AnnotationKind::Primary.span(visible(&excerpt.script.text, place))))
    });
    let group = match snippet {
        Some(snippet) => title.element(snippet),
        None => Group::with_title(title),
    };
    let causes = causes(&failure.error).into_iter().map(|cause| Level::NOTE.with_name("caused by").message(cause));
    let hint = failure.error.hint().map(|hint| Level::HELP.message(hint));
    group.elements(causes).elements(hint)
}

fn refusal<'a>(denial: &'a Denial, excerpt: Option<&'a Excerpt>) -> Group<'a> {
    let title = Level::ERROR.primary_title(denial.to_string());
    let group = match excerpt {
        Some(excerpt) => {
            let place = place::denied(denial, &excerpt.script.text, &excerpt.statement);
            let label = match &denial.kind {
                DenialKind::Tag { tag, .. } | DenialKind::Column { tag, .. } => Some(tag.to_string()),
                DenialKind::Object { .. } | DenialKind::Administer => None,
            };
            title.element(snippet(excerpt, AnnotationKind::Primary.span(place).label(label)))
        }
        None => Group::with_title(title),
    };
    let path = (!denial.path.is_empty()).then(|| note("path", denial.path.join(" → ")));
    let policies = (!denial.policies.is_empty()).then(|| note("policy", denial.policies.join(", ")));
    let hint = denial.hint.as_ref().map(|hint| Level::HELP.message(hint));
    group.elements(path).elements(policies).elements(hint)
}

fn note<'a>(name: &'a str, text: String) -> annotate_snippets::Message<'a> {
    Level::NOTE.with_name(name).message(text)
}

fn snippet<'a>(excerpt: &'a Excerpt, annotation: Annotation<'a>) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(&*excerpt.script.text).path(excerpt.script.name.as_deref()).annotation(annotation)
}

/// At least one character, so that there is something to put a caret under.
fn visible(text: &str, place: Range<usize>) -> Range<usize> {
    let start = place.start.min(text.len());
    let next = text[start..].chars().next().map_or(0, char::len_utf8);
    start..place.end.clamp(start + next, text.len())
}

#[cfg(test)]
pub(super) mod tests {
    use expect_test::{Expect, expect};
    use sluice_engine::EngineError;
    use sluice_model::{Flow, TableName, TagAction};
    use sluice_planner::{ColumnOrRows, PlanError, parse};

    use super::*;
    use crate::failure::Script;

    fn check(failure: &Failure, expected: Expect) {
        expected.assert_eq(&draw(failure, &Layout { colored: false, width: None }));
    }

    pub(crate) fn refused(text: &str, columns: &[&str]) -> Failure {
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

    #[test]
    fn every_refused_column_is_drawn_where_it_stands() {
        check(&refused("SELECT race,\n       sex\nFROM census.adult", &["race", "sex"]), expect![[""]]);
    }

    #[test]
    fn an_unfinished_statement_is_pointed_at_where_it_ends() {
        let text = "SELECT 1;\nSELECT race FROM";
        let Err(error) = parse::parse(text) else { panic!("it was read") };
        let script = Script { name: Some("queries.sql".into()), ..Script::typed(text) };
        check(&Failure::within(EngineError::from(error), &script, 0..text.len()), expect![[""]]);
    }
}
