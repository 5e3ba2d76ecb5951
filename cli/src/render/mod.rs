//! Results on standard output, in the format that was asked for.

mod arrow;
mod csv;
mod json;
mod table;

use ::arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
    error::ArrowError,
};
use futures::{Stream, StreamExt};

use crate::{
    args::Format,
    failure::CliError,
    screen::{Output, Screen},
};

/// Writes the batches of one result.
trait Writer {
    /// Takes the next batch; `false` when it does not want another.
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError>;

    /// Writes what is left; answers with what is to be said beside the result.
    fn finish(self: Box<Self>) -> Result<Option<String>, ArrowError>;
}

/// How values look where the format does not settle it.
struct Look {
    /// What stands for a missing value; `None` for what the format does by itself.
    null: Option<&'static str>,
    /// How many characters fit on a line, where that matters.
    width: Option<u16>,
    /// Whether somebody is looking.
    watched: bool,
}

/// Writes a result that arrives batch by batch. Every format but the table is written as it arrives.
///
/// # Errors
/// The stream's own; [`CliError::Output`] and [`CliError::Format`] where it cannot be written.
pub(crate) async fn stream<S, E>(screen: &mut Screen, schema: SchemaRef, mut rows: S) -> Result<(), CliError>
where
    S: Stream<Item = Result<RecordBatch, E>> + Unpin,
    CliError: From<E>,
{
    let look = Look { null: None, width: screen.output_width(), watched: screen.output_is_terminal() };
    let format = screen.format;
    let mut writer = writer(format, &schema, look, screen.output())?;
    while let Some(batch) = rows.next().await {
        if !writer.write(&batch?)? {
            break;
        }
    }
    let note = writer.finish()?;
    end(screen, note)
}

/// Writes the answer of a command that is not SQL. In text, `null` stands for a missing value.
///
/// # Errors
/// [`CliError::Output`] and [`CliError::Format`].
pub(crate) fn answer(screen: &mut Screen, batch: &RecordBatch, null: &'static str) -> Result<(), CliError> {
    let look = Look { null: Some(null), width: screen.output_width(), watched: false };
    let format = screen.format;
    let mut writer = writer(format, batch.schema_ref(), look, screen.output())?;
    writer.write(batch)?;
    let note = writer.finish()?;
    end(screen, note)
}

/// Lets the result be seen before anything is said about it.
fn end(screen: &mut Screen, note: Option<String>) -> Result<(), CliError> {
    std::io::Write::flush(screen.output())?;
    if let Some(note) = note {
        screen.note(&note);
    }
    Ok(())
}

fn writer<'a>(
    format: Format,
    schema: &Schema,
    look: Look,
    output: &'a mut Output,
) -> Result<Box<dyn Writer + 'a>, ArrowError> {
    Ok(match format {
        Format::Table => Box::new(table::Table::new(schema, look, output)),
        Format::Csv => Box::new(csv::Csv::new(schema, look, output)?),
        Format::Json => Box::new(json::Array::new(output)),
        Format::Ndjson => Box::new(json::Lines::new(output)),
        Format::Arrow => Box::new(arrow::Ipc::new(schema, output)?),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex, PoisonError},
    };

    use super::*;
    use ::arrow::{
        array::{ArrayRef, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder},
        ipc::reader::StreamReader,
    };

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn batch() -> RecordBatch {
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("public"), Some("personal")]);
        tags.append_null();
        let columns: [(&str, ArrayRef); 4] = [
            ("education", Arc::new(StringArray::from(vec![Some("Some, \"college\""), None]))),
            ("people", Arc::new(Int64Array::from(vec![Some(7291), Some(-1)]))),
            ("age", Arc::new(Float64Array::from(vec![Some(35.5), None]))),
            ("tags", Arc::new(tags.finish())),
        ];
        match RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))) {
            Ok(batch) => batch,
            Err(error) => panic!("{error}"),
        }
    }

    fn written(format: Format, batches: &[RecordBatch], look: Look) -> (Vec<u8>, Option<String>) {
        let page = Page::default();
        let mut output = Output::new(Box::new(page.clone()));
        let write = || {
            let mut writer = writer(format, batch().schema_ref(), look, &mut output)?;
            for batch in batches {
                if !writer.write(batch)? {
                    break;
                }
            }
            writer.finish()
        };
        let note = match write() {
            Ok(note) => note,
            Err(error) => panic!("{error}"),
        };
        assert!(output.flush().is_ok());
        let bytes = page.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (bytes, note)
    }

    fn check(format: Format, batches: &[RecordBatch], expected: &str) {
        let (bytes, _) = written(format, batches, Look { null: None, width: None, watched: false });
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn a_table_aligns_numbers_to_the_right_and_names_what_is_missing() {
        let expected = concat!(
            " education       │ people │  age │ tags\n",
            "─────────────────┼────────┼──────┼────────────────────\n",
            " Some, \"college\" │   7291 │ 35.5 │ [public, personal]\n",
            " NULL            │     -1 │ NULL │ NULL\n",
        );
        check(Format::Table, &[batch()], expected);
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        check(Format::Table, &[], " education │ people │ age │ tags\n───────────┼────────┼─────┼──────\n");
    }

    #[test]
    fn csv_quotes_and_leaves_missing_values_empty() {
        let expected = concat!(
            "education,people,age,tags\n",
            "\"Some, \"\"college\"\"\",7291,35.5,\"[public, personal]\"\n",
            ",-1,,\n",
        );
        check(Format::Csv, &[batch()], expected);
    }

    #[test]
    fn csv_without_rows_has_its_header() {
        check(Format::Csv, &[], "education,people,age,tags\n");
    }

    const FIRST: &str = r#"{"education":"Some, \"college\"","people":7291,"age":35.5,"tags":["public","personal"]}"#;
    const SECOND: &str = r#"{"education":null,"people":-1,"age":null,"tags":null}"#;

    #[test]
    fn json_is_one_array_that_holds_missing_values() {
        check(Format::Json, &[batch(), batch().slice(0, 1)], &format!("[{FIRST},{SECOND},{FIRST}]\n"));
        check(Format::Json, &[], "[]\n");
    }

    #[test]
    fn ndjson_is_one_object_a_line() {
        check(Format::Ndjson, &[batch()], &format!("{FIRST}\n{SECOND}\n"));
    }

    #[test]
    fn arrow_reads_back() {
        let (bytes, _) = written(Format::Arrow, &[batch()], Look { null: None, width: None, watched: false });
        let read = StreamReader::try_new(bytes.as_slice(), None).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        assert_eq!(read.ok(), Some(vec![batch()]));
    }

    #[test]
    fn a_table_is_cut_where_nobody_would_read_on_and_says_so() {
        let batches = vec![batch(); 6000];
        let (bytes, note) = written(Format::Table, &batches, Look { null: None, width: None, watched: false });
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 10_002);
        assert_eq!(note.as_deref(), Some("only the first 10000 rows are shown; take another --format for all of them"));
    }

    #[test]
    fn a_wide_table_is_wrapped_to_the_terminal() {
        let (bytes, note) = written(Format::Table, &[batch()], Look { null: None, width: Some(40), watched: true });
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert_eq!(note.as_deref(), Some("2 rows"));
    }
}
