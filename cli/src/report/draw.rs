//! Errors for people: the message, the text with a caret under it, the path and what would help.

use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Group, Level, Message, Renderer, Snippet,
    renderer::{DEFAULT_TERM_WIDTH, DecorStyle},
};
use sluice_planner::{Denial, DenialKind, parse::conceal};

use super::problem::{Problem, problems};
use crate::failure::Failure;

/// What the place where an error is drawn can show.
pub(super) struct Layout {
    /// Whether it shows colours.
    pub(super) colored: bool,
    /// How many characters fit on a line, where that matters.
    pub(super) width: Option<u16>,
}

/// The text of `failure`, one block for each thing that is wrong, without a newline at its end.
pub(super) fn draw(failure: &Failure, layout: &Layout) -> String {
    let renderer = if layout.colored { Renderer::styled() } else { Renderer::plain() };
    let width = layout.width.map_or(DEFAULT_TERM_WIDTH, usize::from);
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(width);
    let blocks: Vec<_> = problems(failure).iter().map(|problem| renderer.render(&[block(problem, width)])).collect();
    blocks.join("\n\n")
}

fn block<'a>(problem: &'a Problem<'_>, width: usize) -> Group<'a> {
    let title = Level::ERROR.primary_title(&*problem.message);
    let group = match &problem.place {
        Some((script, place)) => {
            let label = problem.denial.and_then(label);
            let caret = AnnotationKind::Primary.span(visible(&script.text, place.clone())).label(label);
            // The line that is drawn may set a password, whether or not the error is about that.
            title.element(Snippet::source(conceal(&script.text)).path(script.name.as_deref()).annotation(caret))
        }
        None => Group::with_title(title),
    };
    let stage = problem.stage.map(|stage| note("stage", stage.to_string()));
    let path =
        problem.denial.filter(|denial| !denial.path.is_empty()).map(|denial| note("path", arrows(&denial.path, width)));
    let policies = problem
        .denial
        .filter(|denial| !denial.policies.is_empty())
        .map(|denial| note("policy", denial.policies.join(", ")));
    let causes = problem.causes.iter().map(|cause| note("caused by", cause.clone()));
    let hint = problem.hint.as_deref().map(|hint| Level::HELP.message(hint));
    group.elements(stage).elements(path).elements(policies).elements(causes).elements(hint)
}

/// What stands beside the caret.
fn label(denial: &Denial) -> Option<String> {
    match &denial.kind {
        DenialKind::Tag { tag, .. } | DenialKind::Column { tag, .. } => Some(tag.to_string()),
        DenialKind::Object { .. } | DenialKind::Classify { .. } | DenialKind::Administer => None,
    }
}

/// The steps of a path on one line, or a line each where they do not fit.
fn arrows(path: &[String], width: usize) -> String {
    let line = path.join(" → ");
    // What stands before a note's text takes up to a dozen characters.
    if line.chars().count() + 12 <= width { line } else { path.join("\n→ ") }
}

fn note(name: &'static str, text: String) -> Message<'static> {
    Level::NOTE.with_name(name).message(text)
}

/// At least one character, so that there is something to put a caret under.
fn visible(text: &str, place: Range<usize>) -> Range<usize> {
    let start = place.start.min(text.len());
    let next = text[start..].chars().next().map_or(0, char::len_utf8);
    start..place.end.clamp(start + next, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{misread, refused};

    fn check(failure: &Failure, expected: &str) {
        assert_eq!(draw(failure, &Layout { colored: false, width: None }), expected);
    }

    #[test]
    fn every_refused_column_is_drawn_where_it_stands() {
        check(
            &refused("SELECT race,\n       sex\nFROM census.adult", &["race", "sex"]),
            "\
error: column `census.adult.race` carries `special_category.race`, and `ana` has no READ on it
  |
1 | SELECT race,
  |        ^^^^ special_category.race
  |
  = path: census.adult.race → result column race
  = help: leave it out

error: column `census.adult.sex` carries `special_category.sex`, and `ana` has no READ on it
  |
2 |        sex
  |        ^^^ special_category.sex
  |
  = path: census.adult.sex → result column sex
  = help: leave it out",
        );
    }

    #[test]
    fn a_password_beside_an_error_is_not_drawn() {
        check(
            &misread("ALTER USER ana SET PASSWORD 'hunter22'; SELECT race FROM"),
            "\
error: expected identifier, found the end
 --> queries.sql:1:57
  |
1 | ALTER USER ana SET PASSWORD **********; SELECT race FROM
  |                                                         ^",
        );
    }

    #[test]
    fn a_path_that_does_not_fit_takes_a_line_for_each_step() {
        let path = ["census.adult.race", "filter on race", "result column age"].map(str::to_owned);
        assert_eq!(arrows(&path, 80), "census.adult.race → filter on race → result column age");
        assert_eq!(arrows(&path, 60), "census.adult.race\n→ filter on race\n→ result column age");
    }

    #[test]
    fn an_unfinished_statement_is_pointed_at_where_it_ends() {
        check(
            &misread("SELECT 1;\nSELECT race FROM"),
            "\
error: expected identifier, found the end
 --> queries.sql:2:17
  |
2 | SELECT race FROM
  |                 ^",
        );
    }
}
