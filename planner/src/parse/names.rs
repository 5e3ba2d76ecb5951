//! What a name stands for that does not say its schema, or also says its catalog.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{Arc, LazyLock},
};

use sluice_catalog::{TableRequest, TableVersion};
use sluice_model::{SchemaName, TableName};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Visit, VisitMut, Visitor, VisitorMut};

use super::{
    TableRef,
    cursor::{fold_ident, fold_object_name},
};

/// The one catalog: `sluice.crm.users` is `crm.users`.
pub const CATALOG: &str = "sluice";

/// The schema that holds the temporary tables of a session. It is in no catalog, and no other schema has its name.
pub const TEMPORARY: &str = "temp";

/// What the short names of a session stand for; nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The schema of tables that are named without one.
    pub schema: Option<SchemaName>,
    /// The session's temporary tables, which come before those of the schema.
    pub temporary: HashSet<Arc<str>>,
}

impl Names {
    /// No short names.
    pub(super) fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Names>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    /// The table that the dotted name made of `parts` stands for, if it is one of a catalog or a temporary one.
    pub(super) fn table<S: AsRef<str>>(&self, parts: &[S]) -> Option<TableName> {
        let names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        match names.as_slice() {
            [table] if self.temporary.contains(*table) => Some(TableName::new(TEMPORARY, *table)),
            [table] => self.schema.as_ref().map(|schema| TableName::new(schema.as_str(), *table)),
            [schema, table] | [CATALOG, schema, table] => Some(TableName::new(*schema, *table)),
            _ => None,
        }
    }

    /// What the dotted name made of `parts` refers to.
    pub fn resolve(&self, parts: &[String]) -> TableRef {
        match self.table(parts) {
            Some(name) => TableRef::Table(TableRequest { name, at: TableVersion::Latest }),
            None => match parts {
                [name] => TableRef::Local(name.clone()),
                _ => TableRef::TooLong(parts.join(".")),
            },
        }
    }

    /// Writes the short table names of `query` out, so that they stand for the same in every session. Answers whether
    /// there were any.
    ///
    /// A name that some `WITH` in the query gives is left alone.
    pub(super) fn write_out(&self, query: &mut Query) -> bool {
        let mut given = Given(HashSet::new());
        let _ = Visit::visit(query, &mut given);
        let mut writer = Writer { names: self, given: given.0, changed: false };
        let _ = VisitMut::visit(query, &mut writer);
        writer.changed
    }
}

/// Collects the names of `WITH` queries.
struct Given(HashSet<String>);

impl Visitor for Given {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| fold_ident(&table.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Writer<'a> {
    names: &'a Names,
    given: HashSet<String>,
    changed: bool,
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        let parts = fold_object_name(relation);
        if let [name] = parts.as_slice()
            && !self.given.contains(name)
            && let Some(table) = self.names.table(&parts)
        {
            let quoted = |part: &str| ObjectNamePart::Identifier(Ident::with_quote('"', part));
            *relation = ObjectName(vec![quoted(table.schema.as_str()), quoted(&table.table)]);
            self.changed = true;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::parse_query, *};

    fn names() -> Names {
        Names { schema: Some(SchemaName::new("crm")), temporary: HashSet::from(["upload".into()]) }
    }

    #[test]
    fn a_short_name_stands_in_the_schema_of_the_session() {
        let table = |parts: &[&str]| names().table(parts).map(|name| name.to_string());
        assert_eq!(table(&["users"]).as_deref(), Some("crm.users"));
        assert_eq!(table(&["upload"]).as_deref(), Some("temp.upload"));
        assert_eq!(table(&["lab", "users"]).as_deref(), Some("lab.users"));
        assert_eq!(table(&["sluice", "lab", "users"]).as_deref(), Some("lab.users"));
        assert_eq!(table(&["other", "lab", "users"]), None);
        assert_eq!(Names::default().table(&["users"]), None);
    }

    #[test]
    fn written_out_names_leave_with_queries_alone() {
        let (mut query, _) =
            parse_query("WITH w AS (SELECT * FROM users) SELECT * FROM w JOIN lab.t USING (a)").unwrap();
        assert!(names().write_out(&mut query));
        let text = query.to_string();
        assert!(text.contains("FROM \"crm\".\"users\"") && text.contains("FROM w JOIN lab.t"), "{text}");
        let (mut query, _) = parse_query("SELECT * FROM lab.t").unwrap();
        assert!(!names().write_out(&mut query));
    }
}
