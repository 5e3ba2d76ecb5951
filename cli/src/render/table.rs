//! Aligned columns, to be read by people.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    datatypes::Schema,
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use comfy_table::{CellAlignment, ContentArrangement};

use super::{Look, Writer};
use crate::screen::Output;

/// How many rows are shown; nobody reads more.
const MOST_ROWS: usize = 10_000;

/// A rule under the header and lines between the columns.
const LINES: &str = "     ─┼ │           ";

/// Collects rows and lays them out at the end.
pub(super) struct Table<'a> {
    table: comfy_table::Table,
    look: Look,
    rows: usize,
    cut: bool,
    output: &'a mut Output,
}

impl<'a> Table<'a> {
    pub(super) fn new(schema: &Schema, look: Look, output: &'a mut Output) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_preset(LINES).set_header(schema.fields().iter().map(|field| safe(field.name())));
        if let Some(width) = look.width {
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        for (field, column) in schema.fields().iter().zip(table.column_iter_mut()) {
            if field.data_type().is_numeric() {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, look, rows: 0, cut: false, output }
    }
}

impl Writer for Table<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        let options = FormatOptions::new().with_null(self.look.null.unwrap_or("NULL"));
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if self.rows == MOST_ROWS {
                self.cut = true;
                return Ok(false);
            }
            let cells = formatters.iter().map(|column| column.value(row).try_to_string().map(|cell| safe(&cell)));
            self.table.add_row(cells.collect::<Result<Vec<_>, _>>()?);
            self.rows += 1;
        }
        Ok(true)
    }

    fn finish(self: Box<Self>) -> Result<Option<String>, ArrowError> {
        writeln!(self.output, "{}", self.table.trim_fmt())?;
        Ok(if self.cut {
            Some(format!("only the first {MOST_ROWS} rows are shown; take another --format for all of them"))
        } else {
            self.look.watched.then(|| format!("{} row{}", self.rows, if self.rows == 1 { "" } else { "s" }))
        })
    }
}

/// The text without what would steer a terminal: data must not move the cursor or change colours.
fn safe(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '\n' => safe.push('\n'),
            '\t' => safe.push_str("    "),
            c if c.is_control() => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mb\n\tc"), "a\\u{1b}[31mb\n    c");
    }
}
