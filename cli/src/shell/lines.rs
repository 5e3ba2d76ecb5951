//! What a typed line is, and whether another one follows.

use rustyline::{
    Helper,
    completion::Completer,
    highlight::Highlighter,
    hint::Hinter,
    validate::{ValidationContext, ValidationResult, Validator},
};
use sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Token, Tokenizer},
};

/// What was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing but blanks.
    Nothing,
    /// `\q`, or a word that people try.
    Leave,
    /// `\?`.
    Help,
    /// Another command with a backslash.
    Unknown,
    /// Statements, to be read as SQL.
    Statements,
}

/// Tells what `line` is.
pub(super) fn read(line: &str) -> Typed {
    let line = line.trim();
    match line.trim_end_matches(';').trim_end() {
        "" => Typed::Nothing,
        "\\q" | "exit" | "quit" => Typed::Leave,
        "\\?" | "\\h" | "help" => Typed::Help,
        _ if line.starts_with('\\') => Typed::Unknown,
        _ => Typed::Statements,
    }
}

/// Whether `text` needs no further line: a command does not, and statements end with a semicolon that is not inside a
/// string, a quoted name or a comment.
fn is_complete(text: &str) -> bool {
    if read(text) != Typed::Statements {
        return true;
    }
    let last = Tokenizer::new(&GenericDialect {}, text)
        .tokenize()
        .map(|tokens| tokens.into_iter().rfind(|token| !matches!(token, Token::Whitespace(_) | Token::EOF)));
    // What cannot be cut into tokens has, most of the time, a string that goes on.
    matches!(last, Ok(Some(Token::SemiColon)))
}

/// Lets the line editor go on until the semicolon.
pub(super) struct Lines;

impl Helper for Lines {}

impl Highlighter for Lines {}

impl Hinter for Lines {
    type Hint = String;
}

impl Completer for Lines {
    type Candidate = String;
}

impl Validator for Lines {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(ctx.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_goes_on_until_its_semicolon() {
        for complete in ["SELECT 1;", "SELECT ';';  ", "SELECT 1; -- done", "", "\\q", "exit", "SELECT 1;\nSELECT 2;"] {
            assert!(is_complete(complete), "{complete}");
        }
        for incomplete in ["SELECT 1", "SELECT ';", "SELECT 1 -- ;", "SELECT \"a;", "SELECT 1; SELECT 2", "/* ;"] {
            assert!(!is_complete(incomplete), "{incomplete}");
        }
    }

    #[test]
    fn commands_are_told_from_statements() {
        let typed = ["  ", "\\q", "quit;", "\\?", "\\x", "SELECT 1;", "\\"].map(read);
        use Typed::{Help, Leave, Nothing, Statements, Unknown};
        assert_eq!(typed, [Nothing, Leave, Leave, Help, Unknown, Statements, Unknown]);
    }
}
