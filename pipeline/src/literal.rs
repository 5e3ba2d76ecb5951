//! Literals: the only expressions that a parameter's default can be.

use sqlparser::ast::{Expr, UnaryOperator, Value};

/// What a literal stands for, before its type is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    /// A value, as text.
    Text(String),
    /// `NULL`.
    Null,
}

/// What `expr` stands for if it is a literal: a number, perhaps negative, a string, `TRUE`, `FALSE`, `NULL`, or a
/// string after its type, as in `DATE '2026-01-31'`.
pub(crate) fn literal(expr: &Expr) -> Option<Literal> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(Literal::Text(digits.clone())),
            Value::SingleQuotedString(text) => Some(Literal::Text(text.clone())),
            Value::Boolean(value) => Some(Literal::Text(value.to_string())),
            Value::Null => Some(Literal::Null),
            // Every other notation is refused: a default is read without the engine.
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => Some(Literal::Text(format!("-{digits}"))),
                _ => None,
            },
            _ => None,
        },
        Expr::TypedString(typed) => match &typed.value.value {
            Value::SingleQuotedString(text) => Some(Literal::Text(text.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::{dialect::GenericDialect, parser::Parser};

    use super::*;

    fn read(text: &str) -> Option<Literal> {
        let expr = Parser::new(&GenericDialect {}).try_with_sql(text).unwrap().parse_expr().unwrap();
        literal(&expr)
    }

    #[test]
    fn literals_are_their_text() {
        let text = |text: &str| Some(Literal::Text(text.to_owned()));
        assert_eq!(read("17"), text("17"));
        assert_eq!(read("-1.5e3"), text("-1.5e3"));
        assert_eq!(read("'it''s'"), text("it's"));
        assert_eq!(read("TRUE"), text("true"));
        assert_eq!(read("NULL"), Some(Literal::Null));
        assert_eq!(read("DATE '2026-01-31'"), text("2026-01-31"));
        assert_eq!(read("TIMESTAMP '2026-01-31 12:00:00'"), text("2026-01-31 12:00:00"));
    }

    #[test]
    fn what_must_be_computed_is_no_literal() {
        for text in ["1 + 1", "now()", "a", "-'1'", "CAST(1 AS INT)", "$other", "(SELECT 1)", "X'00'"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
