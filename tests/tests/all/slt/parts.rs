//! Parts that several files include, to make and drop the tables that any of them names.

use std::collections::BTreeSet;

use datafusion_sqllogictest::DFColumnType;
use sqllogictest::Record;

use super::{record, tainted};

/// Leaves out what an included part makes or drops and the file does not use: most files use a few of very many tables.
pub(super) fn without_idle_tables(records: Vec<Record<DFColumnType>>, file: &str) -> Vec<Record<DFColumnType>> {
    let makes = |record: &Record<DFColumnType>| {
        let (sql, location) = record::statement(record)?;
        let included = location.file() != file;
        (included && record::defines(sql)).then(|| (record::plain(sql), tainted::target(&record::plain(sql))))
    };
    let mut used: BTreeSet<String> = BTreeSet::new();
    for record in &records {
        if let Some((sql, _)) = record::statement(record)
            && makes(record).is_none()
        {
            used.extend(tainted::words(&record::plain(sql)).map(str::to_owned));
        }
    }
    // Tables are made from tables before them.
    for record in records.iter().rev() {
        if let Some((text, Some(target))) = makes(record)
            && text.starts_with("create")
            && used.contains(&target)
        {
            used.extend(tainted::words(&text).map(str::to_owned));
        }
    }
    let is_idle = |record: &Record<DFColumnType>| {
        makes(record).is_some_and(|(_, target)| target.is_some_and(|target| !used.contains(&target)))
    };
    records.into_iter().filter(|record| !is_idle(record)).collect()
}
