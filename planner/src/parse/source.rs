//! A text with its lines, so that tokens can be shown where they stand.

use std::sync::Arc;

use sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Location, TokenWithSpan, Tokenizer},
};

use super::ParseError;

/// A range of bytes in the text that a statement came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceSpan {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A text and where its lines begin.
#[derive(Debug, Clone)]
pub struct SourceText {
    text: Arc<str>,
    line_starts: Vec<usize>,
    /// Whether a character is a byte everywhere, so that columns need not be counted out.
    is_ascii: bool,
}

impl SourceText {
    /// Takes the lines of `text`.
    pub fn new(text: &str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        Self { text: text.into(), line_starts, is_ascii: text.is_ascii() }
    }

    /// The bytes of `span` as text; empty when the span is not within the text.
    pub fn slice(&self, span: SourceSpan) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column of a byte, both from one; columns count characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1];
        (line, self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1)
    }

    pub(super) fn tokens(&self) -> Result<Vec<TokenWithSpan>, ParseError> {
        Tokenizer::new(&GenericDialect {}, &self.text).tokenize_with_location().map_err(|error| {
            let start = self.offset(error.location);
            ParseError { message: error.message, span: SourceSpan { start, end: start }, hint: None }
        })
    }

    pub(super) fn span(&self, start: Location, end: Location) -> SourceSpan {
        SourceSpan { start: self.offset(start), end: self.offset(end) }
    }

    /// The byte at which a location stands; the end of the text for locations past it.
    pub(super) fn offset(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX);
        let Some(start) = line.checked_sub(1).and_then(|index| self.line_starts.get(index)) else {
            return self.text.len();
        };
        let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
        let rest = &self.text[*start..];
        if self.is_ascii {
            return start + column.min(rest.len());
        }
        start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let source = SourceText::new("select 'größe',\n  ü x");
        let offset = source.offset(Location { line: 2, column: 5 });
        assert_eq!(&source.slice(SourceSpan { start: offset, end: offset + 1 }), &"x");
        assert_eq!(source.line_column(offset), (2, 5));
    }
}
