//! Errors, as whoever asked gets to read them.

mod draw;
mod json;
pub(crate) mod place;

use std::{error::Error, ops::Range};

use sluice_model::ErrorClass;

use crate::{
    args::Format,
    failure::{CliError, Excerpt, Failure},
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
    screen.say(&text);
}

/// The text of `failure` as results are shown, for where an error is what was to be shown.
pub(crate) fn drawn(failure: &Failure, screen: &Screen) -> String {
    draw::draw(failure, &draw::Layout { colored: screen.color_output(), width: screen.output_width() })
}

/// What lies behind an error, outermost first. A denial says all that may be known by itself.
fn causes(error: &CliError) -> Vec<String> {
    if error.class() == ErrorClass::Denied {
        return Vec::new();
    }
    let mut causes: Vec<String> = Vec::new();
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Some errors repeat the text of their cause in their own.
        if !told.contains(&text) {
            causes.push(text.clone());
            told = text;
        }
        next = cause.source();
    }
    causes
}

/// The bytes of the text that the error itself points at.
fn place(error: &CliError, excerpt: &Excerpt) -> Option<Range<usize>> {
    error.place(&excerpt.script.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_told_once() {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = CliError::Read { path: "x.sql".into(), source: missing };
        assert_eq!(causes(&error), ["no such file"]);
    }
}
