//! What hangs on a table's identity, and goes or stays with it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn renaming_keeps_what_hangs_on_a_table_and_dropping_removes_it() {
    let home = Home::new().await;
    home.declare(&["pii", "health"]).await;
    let catalog = &home.catalog;
    let table = home.table("users", view("SELECT 1"), &["email", "id"]).await;
    let change = Change::by("ann");
    catalog.set_column_tags(&table.id, &[("email".into(), tag("pii"))], &change).await.unwrap();
    catalog.set_row_tags(&table.id, &[tag("health")], &change).await.unwrap();
    catalog.approve_for_experiment(&table.id, true, &change).await.unwrap();
    let grant = Grant {
        principal: "everyone".into(),
        action: "SELECT".into(),
        object: GrantObject::Table(table.id.clone()),
        domain: None,
    };
    assert!(catalog.add_grant(&grant, "permit(...);", "ann").await.unwrap());

    let name = TableName::new("crm", "The \"Users\"");
    let renamed = catalog.rename_table(&table.name, &name).await.unwrap();
    assert_eq!(renamed.id, table.id);
    assert_eq!(catalog.table(&table.name).await.unwrap(), None);
    assert!(catalog.table(&name).await.unwrap().unwrap().approved_for_experiment);
    let tags = catalog.tags_on(&table.id).await.unwrap();
    let origin = &tags.columns[0].tags[0].origin;
    assert_eq!(origin.to_string(), "crm.\"The \"\"Users\"\"\".email", "its own tags come from where it is now");
    let on_table = GrantFilter { object: Some(grant.object.clone()), ..GrantFilter::default() };
    let grants = catalog.grants(&on_table).await.unwrap();
    assert_eq!(grants[0].object_name, "TABLE crm.\"The \"\"Users\"\"\"");

    catalog.drop_table(&name).await.unwrap();
    let again = home.table("users", view("SELECT 1"), &["email"]).await;
    assert_ne!(again.id, table.id);
    assert!(!again.approved_for_experiment);
    assert!(catalog.tags_on(&again.id).await.unwrap().columns[0].tags.is_empty());
    assert!(catalog.grants(&on_table).await.unwrap().is_empty());
    assert!(matches!(catalog.tags_on(&table.id).await, Err(CatalogError::TableDropped)));
    assert_eq!(catalog.tag_history(&table.id).await.unwrap().len(), 2, "the record outlives the table");
    assert_eq!(catalog.experiment_approvals(&table.id).await.unwrap().len(), 1);
    catalog.drop_tag(&tag("pii")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_exact_and_taken_once() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let made = home.table("Übung 'x'", view("SELECT 1"), &["a b", "A b"]).await;
    assert_eq!(catalog.table(&made.name).await.unwrap(), Some(made.clone()));
    assert_eq!(catalog.table(&TableName::new("crm", "übung 'x'")).await.unwrap(), None);
    let columns: Vec<_> = catalog.columns(&made.id).await.unwrap().into_iter().map(|column| column.name).collect();
    assert_eq!(columns, ["a b".into(), "A b".into()] as [Arc<str>; 2]);
    let again = NewTable {
        name: made.name.clone(),
        owner: "ann".into(),
        source: view("SELECT 2"),
        columns: vec![],
        row_tags: vec![],
    };
    assert!(matches!(catalog.create_table(&again).await, Err(CatalogError::TableExists(_))));
    let lost = NewTable { name: TableName::new("nowhere", "t"), ..again.clone() };
    assert!(matches!(catalog.create_table(&lost).await, Err(CatalogError::SchemaMissing(_))));
    let twice = NewTable {
        name: TableName::new("crm", "t"),
        columns: vec![NewColumn::untagged("a", "INT"), NewColumn::untagged("a", "INT")],
        ..again
    };
    assert!(matches!(catalog.create_table(&twice).await, Err(CatalogError::ColumnTwice(_))));
    assert_eq!(catalog.tables(Some(&SchemaName::new("crm"))).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_with_tables_goes_only_with_them() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let crm = SchemaName::new("crm");
    let table = home.table("t", view("SELECT 1"), &["a"]).await;
    let refused = catalog.drop_schema(&crm, false).await.unwrap_err();
    assert!(matches!(refused, CatalogError::SchemaNotEmpty { tables: 1, .. }), "{refused}");
    catalog.create_schema(&SchemaName::new("lab"), Domain::Experiment, "ann").await.unwrap();
    let moved = catalog.rename_table(&table.name, &TableName::new("lab", "t")).await.unwrap_err();
    assert!(matches!(moved, CatalogError::OtherDomain { .. }), "{moved}");
    let dropped = catalog.drop_schema(&crm, true).await.unwrap();
    assert_eq!(dropped, [table]);
    assert_eq!(catalog.schema(&crm).await.unwrap(), None);
    assert_eq!(catalog.tables(None).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_a_view_keeps_its_identity() {
    let home = Home::new().await;
    let made = home.table("v", view("SELECT 1 AS a"), &["a"]).await;
    let columns = [ColumnRecord { name: "b".into(), sql_type: "BIGINT".into() }];
    home.catalog.replace_view(&made.id, "SELECT 2 AS b", &columns).await.unwrap();
    let after = home.catalog.table(&made.name).await.unwrap().unwrap();
    assert_eq!((after.id, after.source), (made.id.clone(), view("SELECT 2 AS b")));
    assert_eq!(home.catalog.columns(&made.id).await.unwrap(), columns);
    home.catalog.set_owner(&made.id, "nobody").await.unwrap_err();
}
