//! Setting, propagating and unsetting tags.

use sluice_model::{Flow, Origin, TagSource};

use super::*;

fn propagated(name: &str, flow: Flow, origin: &str) -> StoredTag {
    let origin = Origin::column(&TableName::new("src", "t"), origin);
    StoredTag { tag: tag(name), flow, source: TagSource::Propagated, origin }
}

fn words(tags: &[StoredTag]) -> Vec<String> {
    tags.iter()
        .map(|stored| format!("{} {} {} {}", stored.tag, stored.flow, stored.source.as_str(), stored.origin))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_set_by_hand_stay_when_propagated_ones_are_replaced() {
    let home = Home::new().await;
    home.declare(&["pii", "geo", "health"]).await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a", "b"]).await;
    let change = Change { by: "ann", why: Some("review") };
    catalog.set_column_tags(&table.id, &[("a".into(), tag("pii"))], &change).await.unwrap();
    catalog.set_column_tags(&table.id, &[("a".into(), tag("geo"))], &change).await.unwrap();
    let first = [NewColumn { tags: vec![propagated("pii", Flow::Indirect, "x")], ..NewColumn::untagged("a", "INT") }];
    catalog.replace_propagated(&table.id, &first, &[propagated("geo", Flow::Row, "y")], &change).await.unwrap();
    let tags = catalog.tags_on(&table.id).await.unwrap();
    assert_eq!(tags.columns.len(), 1, "the columns are replaced too");
    assert_eq!(
        words(&tags.columns[0].tags),
        ["geo direct set crm.t.a", "pii direct set crm.t.a", "pii indirect propagated src.t.x"]
    );
    assert_eq!(words(&tags.rows), ["geo row propagated src.t.y"]);

    let second = [NewColumn { tags: vec![propagated("health", Flow::Direct, "z")], ..NewColumn::untagged("a", "INT") }];
    catalog.replace_propagated(&table.id, &second, &[], &change).await.unwrap();
    let more = [("a".into(), vec![propagated("geo", Flow::Direct, "w")])];
    catalog.add_propagated(&table.id, &more, &[], &change).await.unwrap();
    let tags = catalog.tags_on(&table.id).await.unwrap();
    assert_eq!(
        words(&tags.columns[0].tags),
        [
            "geo direct set crm.t.a",
            "geo direct propagated src.t.w",
            "health direct propagated src.t.z",
            "pii direct set crm.t.a"
        ]
    );
    assert_eq!(tags.rows, []);
    let history = catalog.tag_history(&table.id).await.unwrap();
    let gone: Vec<_> = history.iter().filter(|change| !change.set).map(|change| change.tag.to_string()).collect();
    assert_eq!((history.len(), gone), (8, vec!["geo".to_owned(), "pii".to_owned()]));
    assert_eq!(history[0].why.as_deref(), Some("review"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_arrived_cannot_be_unset() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a"]).await;
    let change = Change::by("ann");
    catalog
        .add_propagated(&table.id, &[("a".into(), vec![propagated("pii", Flow::Direct, "x")])], &[], &change)
        .await
        .unwrap();
    let pii = [("a".into(), tag("pii"))];
    let error = catalog.unset_column_tags(&table.id, &pii, &change).await.unwrap_err().to_string();
    assert!(error.contains("`pii` on `crm.t.a` arrived with the rows"), "{error}");
    catalog.set_column_tags(&table.id, &pii, &change).await.unwrap();
    catalog.unset_column_tags(&table.id, &pii, &change).await.unwrap();
    assert!(matches!(
        catalog.unset_row_tags(&table.id, &[tag("pii")], &change).await,
        Err(CatalogError::TagNotSet { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tags_and_columns_are_refused_and_change_nothing() {
    let home = Home::new().await;
    home.declare(&["pii.email"]).await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a"]).await;
    let change = Change::by("ann");
    let set = async |column: &str, name: &str| {
        let tags = [("a".into(), tag("pii.email")), (column.into(), tag(name))];
        catalog.set_column_tags(&table.id, &tags, &change).await.unwrap_err()
    };
    let unknown = set("a", "pii.emial").await.to_string();
    assert_eq!(unknown, "tag `pii.emial` does not exist; did you mean `pii.email`?");
    assert!(matches!(set("b", "public").await, CatalogError::ColumnMissing(_)));
    assert!(matches!(set("a", "unclassified").await, CatalogError::UnclassifiedSet));
    assert!(catalog.tags_on(&table.id).await.unwrap().columns[0].tags.is_empty());
    assert!(catalog.tag_history(&table.id).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_in_use_and_a_built_in_one_cannot_be_dropped() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a"]).await;
    catalog.set_row_tags(&table.id, &[tag("pii")], &Change::by("ann")).await.unwrap();
    let error = catalog.drop_tag(&tag("pii")).await.unwrap_err().to_string();
    assert_eq!(error, "tag `pii` stands on `crm.t`; unset it there first");
    assert!(matches!(catalog.drop_tag(&Tag::public()).await, Err(CatalogError::TagBuiltIn(_))));
    assert!(matches!(catalog.drop_tag(&tag("pij")).await, Err(CatalogError::TagMissing { nearest: Some(_), .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn unclassified_lists_columns_without_tags_and_those_that_unclassified_data_reached() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let catalog = &home.catalog;
    let source = files(Format::Csv, &home.path("t.csv"));
    let table = home.table("t", source, &["none", "tagged", "both"]).await;
    home.table("v", view(""), &["x"]).await;
    let change = Change::by("ann");
    let tags = ["tagged", "both"].map(|column| (column.into(), tag("pii")));
    catalog.set_column_tags(&table.id, &tags, &change).await.unwrap();
    let arrived = propagated("unclassified", Flow::Direct, "x");
    catalog.add_propagated(&table.id, &[("both".into(), vec![arrived])], &[], &change).await.unwrap();
    let listed = catalog.unclassified(Some(&SchemaName::new("crm"))).await.unwrap();
    let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["crm.t.none", "crm.t.both"]);
    assert_eq!(catalog.unclassified(Some(&SchemaName::new("other"))).await.unwrap(), []);
    assert_eq!(catalog.unclassified(None).await.unwrap().len(), 2);
}
