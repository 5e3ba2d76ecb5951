//! The answers of commands that are not SQL, as the same rows that SQL answers.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, UInt64Array, UInt64Builder},
    error::ArrowError,
};

/// A table that is put together column by column.
#[derive(Default)]
pub(crate) struct Answer(Vec<(&'static str, ArrayRef)>);

impl Answer {
    /// A column of text.
    pub(crate) fn text<T: AsRef<str>>(self, name: &'static str, cells: impl Iterator<Item = T>) -> Self {
        self.optional_text(name, cells.map(Some))
    }

    /// A column of text, some of which is missing.
    pub(crate) fn optional_text<T>(self, name: &'static str, cells: impl Iterator<Item = Option<T>>) -> Self
    where
        T: AsRef<str>,
    {
        self.with(name, Arc::new(cells.collect::<StringArray>()))
    }

    /// A column of numbers, some of which are missing.
    pub(crate) fn numbers(self, name: &'static str, cells: impl Iterator<Item = Option<u64>>) -> Self {
        self.with(name, Arc::new(cells.collect::<UInt64Array>()))
    }

    /// A column of lists.
    pub(crate) fn lists<'a>(self, name: &'static str, cells: impl Iterator<Item = &'a [String]>) -> Self {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for cell in cells {
            lists.append_value(cell.iter().map(Some));
        }
        self.with(name, Arc::new(lists.finish()))
    }

    /// A column of numbers by name, some of which are missing.
    ///
    /// # Errors
    /// None in practice: keys and values are appended in pairs.
    pub(crate) fn maps<'a>(
        self,
        name: &'static str,
        cells: impl Iterator<Item = &'a [(Arc<str>, Option<u64>)]>,
    ) -> Result<Self, ArrowError> {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), UInt64Builder::new());
        for cell in cells {
            for (key, value) in cell {
                maps.keys().append_value(key);
                maps.values().append_option(*value);
            }
            maps.append(true)?;
        }
        Ok(self.with(name, Arc::new(maps.finish())))
    }

    /// All columns, side by side.
    ///
    /// # Errors
    /// Where they differ in length.
    pub(crate) fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_from_iter_with_nullable(self.0.into_iter().map(|(name, column)| (name, column, true)))
    }

    fn with(mut self, name: &'static str, column: ArrayRef) -> Self {
        self.0.push((name, column));
        self
    }
}

/// An instant in words that sort: `2026-01-31T06:00:00Z`.
pub(crate) fn instant(at_ms: i64) -> Option<String> {
    let at = chrono::DateTime::from_timestamp_millis(at_ms)?;
    Some(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc() {
        assert_eq!(instant(0).as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
