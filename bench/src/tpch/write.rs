//! A table's rows to its file.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::Path,
    sync::mpsc,
    thread,
};

use datafusion::parquet::{
    arrow::ArrowWriter, basic::Compression, errors::ParquetError, file::properties::WriterProperties,
};

use super::{Table, TpchError};

/// As many as DataFusion itself writes to a row group: enough to read in one go, few enough for two cores to share
/// the largest table at scale 1.
const ROWS_PER_GROUP: usize = 1024 * 1024;

/// How many batches may wait to be written.
const BATCHES_WAITING: usize = 8;

impl Table {
    /// Writes the table at `scale` to its file in `dir`, and answers how many rows there are. The file appears under
    /// its name when it is complete, in the place of any that was there.
    ///
    /// # Errors
    /// [`TpchError`].
    pub fn write(self, scale: f64, dir: &Path) -> Result<u64, TpchError> {
        if !(scale.is_finite() && scale > 0.0) {
            return Err(TpchError::Scale(scale));
        }
        fs::create_dir_all(dir).map_err(TpchError::io(dir))?;
        let path = dir.join(self.file_name());
        let unfinished = path.with_extension("unfinished");
        let rows = self.write_to(&unfinished, scale)?;
        fs::rename(&unfinished, &path).map_err(TpchError::io(&path))?;
        Ok(rows)
    }

    fn write_to(self, path: &Path, scale: f64) -> Result<u64, TpchError> {
        let failed = TpchError::parquet(path);
        let file = File::create(path).map_err(TpchError::io(path))?;
        let mut batches = self.rows(scale);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .build();
        let mut writer =
            ArrowWriter::try_new(BufWriter::new(file), batches.schema(), Some(properties)).map_err(&failed)?;
        // Making rows takes about as long as writing them: one thread each.
        thread::scope(|scope| {
            let (made, waiting) = mpsc::sync_channel(BATCHES_WAITING);
            // Where writing has failed nobody takes any more, and the making ends.
            scope.spawn(move || batches.try_for_each(|batch| made.send(batch).map_err(drop)));
            waiting.iter().try_for_each(|batch| writer.write(&batch.map_err(ParquetError::from)?))
        })
        .map_err(&failed)?;
        let metadata = writer.close().map_err(&failed)?;
        Ok(metadata.file_metadata().num_rows().unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Table, TpchError};
    use crate::tpch::{generate, is_complete};

    #[test]
    fn generated_tables_have_the_rows_of_their_scale() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = Vec::new();
        assert!(!is_complete(dir.path()));
        generate(0.001, dir.path(), |table, count| rows.push((table.name(), count))).unwrap();
        let expected = [
            ("region", 5),
            ("nation", 25),
            ("supplier", 10),
            ("customer", 150),
            ("part", 200),
            ("partsupp", 800),
            ("orders", 1500),
            ("lineitem", 6005),
        ];
        assert_eq!(rows, expected);
        assert!(is_complete(dir.path()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 9);
    }

    #[test]
    fn a_scale_that_is_no_size_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Table::Nation.write(scale, dir.path()), Err(TpchError::Scale(_))));
        }
    }
}
