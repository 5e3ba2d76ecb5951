//! `CONSTRAINT c EXPECT (condition) [ON VIOLATION FAIL UPDATE | DROP ROW]`.

use std::sync::Arc;

use sqlparser::{ast, tokenizer::Token};

use super::{ParseError, cursor::Cursor};

/// What happens to a row for which an expectation is not true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnViolation {
    /// It is counted and kept.
    Count,
    /// It is counted and left out.
    DropRow,
    /// Nothing is written.
    FailUpdate,
}

/// A condition that every row of a stage's output should meet. A row violates it when the condition is false or
/// `NULL`.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Its name, unique within the stage.
    pub name: Arc<str>,
    /// The condition, over the stage's output columns.
    pub condition: ast::Expr,
    /// The condition as it was written.
    pub text: Arc<str>,
    /// What happens to rows that violate it.
    pub on_violation: OnViolation,
}

/// The list after a materialized view's name, if there is one.
pub(super) fn parse_list(cursor: &mut Cursor<'_>) -> Result<Vec<Expectation>, ParseError> {
    if !cursor.take_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let at = cursor.here();
    let expectations = cursor.list(parse_one)?;
    cursor.expect_token(&Token::RParen)?;
    for (index, expectation) in expectations.iter().enumerate() {
        if expectations[..index].iter().any(|earlier| earlier.name == expectation.name) {
            let message = format!("the constraint `{}` is written twice", expectation.name);
            return Err(cursor.error_at(at, &message));
        }
    }
    Ok(expectations)
}

fn parse_one(cursor: &mut Cursor<'_>) -> Result<Expectation, ParseError> {
    cursor.expect("CONSTRAINT")?;
    let name = cursor.ident("the constraint's name")?;
    cursor.expect("EXPECT")?;
    cursor.expect_token(&Token::LParen)?;
    let (condition, text) = cursor.text_of(Cursor::expr)?;
    cursor.expect_token(&Token::RParen)?;
    let mut on_violation = OnViolation::Count;
    if cursor.take(&["ON", "VIOLATION"]) {
        on_violation = if cursor.take(&["FAIL", "UPDATE"]) {
            OnViolation::FailUpdate
        } else if cursor.take(&["DROP", "ROW"]) {
            OnViolation::DropRow
        } else {
            return Err(cursor.expected("FAIL UPDATE or DROP ROW"));
        };
    }
    Ok(Expectation { name, condition, text: text.into(), on_violation })
}
