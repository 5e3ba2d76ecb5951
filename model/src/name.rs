//! Names of schemas, tables and columns.
//!
//! A name holds the resolved spelling: unquoted identifiers were folded to lower case when they were parsed,
//! quoted ones kept as written. Two names are the same object exactly when they are equal.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Writes `identifier` so that it parses back to the same spelling: bare where that is safe, quoted otherwise.
pub fn quote_identifier(identifier: &str) -> String {
    let mut chars = identifier.chars();
    let bare = chars.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if bare { identifier.to_owned() } else { format!("\"{}\"", identifier.replace('"', "\"\"")) }
}

/// The name of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SchemaName(Arc<str>);

impl SchemaName {
    /// The schema spelled `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The unquoted spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_identifier(&self.0))
    }
}

/// The name of a table or view: `schema.table`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// The schema that the table is in.
    pub schema: SchemaName,
    /// The table's own unquoted spelling.
    pub table: Arc<str>,
}

impl TableName {
    /// The table spelled `table` in the schema spelled `schema`.
    pub fn new(schema: impl Into<Arc<str>>, table: impl Into<Arc<str>>) -> Self {
        Self { schema: SchemaName::new(schema), table: table.into() }
    }

    /// The column spelled `column` of this table.
    pub fn column(&self, column: impl Into<Arc<str>>) -> ColumnName {
        ColumnName { table: self.clone(), column: column.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, quote_identifier(&self.table))
    }
}

/// The name of a column: `schema.table.column`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnName {
    /// The table that the column is in.
    pub table: TableName,
    /// The column's own unquoted spelling.
    pub column: Arc<str>,
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, quote_identifier(&self.column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        assert_eq!(TableName::new("crm", "users").column("e_mail2").to_string(), "crm.users.e_mail2");
        assert_eq!(TableName::new("CRM", "my table").column("größe").to_string(), "\"CRM\".\"my table\".\"größe\"");
        assert_eq!(quote_identifier("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quote_identifier(""), "\"\"");
        assert_eq!(quote_identifier("1st"), "\"1st\"");
    }
}
