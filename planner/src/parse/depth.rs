//! How deep a statement may become.
//!
//! The base parser bounds what it recurses over and not what it loops over: a chain such as `1 + 1 + …` is read without
//! recursion and becomes a tree as deep as it is long. Whoever walks the tree afterwards, its own `clone` and `drop`
//! included, recurses over it; so the length of chains is bounded here, by the words and signs that make them.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

/// How many words and signs a statement may have that each make its tree one deeper. What runs statements has a stack
/// for many times that.
const MOST: usize = 500;

/// The token at which a statement becomes too deep.
pub(super) fn too_deep(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    tokens.iter().filter(|token| deepens(&token.token)).nth(MOST)
}

fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && matches!(
                    word.keyword,
                    Keyword::AND
                        | Keyword::OR
                        | Keyword::NOT
                        | Keyword::IS
                        | Keyword::UNION
                        | Keyword::EXCEPT
                        | Keyword::INTERSECT
                        | Keyword::JOIN
                        | Keyword::LIKE
                        | Keyword::ILIKE
                        | Keyword::BETWEEN
                        | Keyword::COLLATE
                        | Keyword::AT
                        | Keyword::DIV
                        | Keyword::XOR
                )
        }
        // Signs that stand between the members of flat lists, or end a statement, make nothing deeper.
        Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::RBrace
        | Token::RBracket
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Placeholder(_)
        | Token::Whitespace(_)
        | Token::EOF => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    #[test]
    fn long_chains_are_refused_and_long_lists_are_not() {
        for chain in [" UNION ALL SELECT 1", " + 1", " IS NULL", "::int", " AND true", " || 'a'"] {
            let text = format!("SELECT 1{}", chain.repeat(600));
            let error = parse(&text).unwrap_err();
            assert!(error.message.contains("nested too deeply"), "{chain}: {error}");
        }
        assert!(parse(&format!("SELECT 1 IN (1{})", ", 1".repeat(5_000))).is_ok());
    }
}
