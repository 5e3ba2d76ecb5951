//! `CREATE EXTERNAL TABLE`.

use std::{path::Path, sync::Arc};

use serde_json::{Map, Value};
use sluice_catalog::{Format, NewColumn, NewTable, TableSource, describe_files};
use sluice_planner::parse::{CreateExternal, FileFormat};
use url::Url;

use crate::{EngineError, Outcome, Session};

/// Admins alone decide which files become tables: whoever could point a table at a path could read that path.
pub(super) async fn create_external(
    session: &Session,
    create: &CreateExternal,
    base: &Path,
) -> Result<Outcome, EngineError> {
    session.require_admin("create the external table").await?;
    let catalog = session.engine().catalog();
    if create.if_not_exists && catalog.table(&create.name).await?.is_some() {
        return Ok(Outcome::done(format!("table {} exists already", create.name)));
    }
    if catalog.schema(&create.name.schema).await?.is_none() {
        return Err(super::hidden_schema(&create.name.schema));
    }
    let source = TableSource::External {
        format: match create.format {
            FileFormat::Parquet => Format::Parquet,
            FileFormat::Csv => Format::Csv,
            FileFormat::Json => Format::Json,
            FileFormat::Delta => Format::Delta,
        },
        location: location(&create.location, base)?,
        options: options(create)?,
    };
    let schema = describe_files(session.engine().context().state(), &create.name, &source).await?;
    let columns = schema
        .fields()
        .iter()
        .map(|field| NewColumn::untagged(field.name().as_str(), field.data_type().to_string()))
        .collect();
    let table = NewTable {
        name: create.name.clone(),
        owner: Arc::clone(&session.subject().principal.name),
        source,
        columns,
        row_tags: Vec::new(),
    };
    catalog.create_table(&table).await?;
    Ok(Outcome::done(format!("created external table {} ({} columns)", create.name, schema.fields().len())))
}

/// An absolute URL: a path is taken from `base` unless it is absolute itself.
fn location(written: &str, base: &Path) -> Result<String, EngineError> {
    if let Ok(url) = Url::parse(written)
        && url.scheme().len() > 1
    {
        if url.scheme() != "file" {
            return Err(EngineError::invalid(
                format!("locations of scheme `{}` are not supported in this version", url.scheme()),
                "use a path or a file:// URL",
            ));
        }
        return Ok(url.to_string());
    }
    let path = base.join(written);
    let path = path.canonicalize().map_err(|_| {
        EngineError::invalid(
            format!("`{written}` does not exist or cannot be read"),
            "a relative LOCATION is relative to the SQL file it stands in, else to the working directory",
        )
    })?;
    let url = if path.is_dir() { Url::from_directory_path(&path) } else { Url::from_file_path(&path) };
    url.map(String::from).map_err(|()| EngineError::invalid(format!("`{written}` is not a path"), "give a plain path"))
}

/// Options by name: numbers and booleans are taken as such.
fn options(create: &CreateExternal) -> Result<Value, EngineError> {
    let mut options = Map::new();
    for (name, value) in &create.options {
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("format.").unwrap_or(&name);
        let name = if name == "has_header" { "header" } else { name };
        if create.format != FileFormat::Csv || !["header", "delimiter", "quote", "escape", "null"].contains(&name) {
            return Err(EngineError::invalid(
                format!("`{name}` is not an option of this format"),
                "CSV takes header, delimiter, quote, escape and null; the other formats take none",
            ));
        }
        let value = match value.as_str() {
            "true" | "false" if name == "header" => Value::Bool(value == "true"),
            other => Value::String(other.to_owned()),
        };
        options.insert(name.to_owned(), value);
    }
    Ok(Value::Object(options))
}
