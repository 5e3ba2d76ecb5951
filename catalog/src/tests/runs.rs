//! Pipelines, their runs, and lineage.

use serde_json::json;
use sluice_model::Digest;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_did_not_end_is_found_again() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let run = RunRecord {
        id: "r1".into(),
        pipeline: "income.features".into(),
        digest: Digest::of(b"file").to_string(),
        params: json!({"min_age": 17}),
        principal: "ann".into(),
        domain: Domain::Production,
        status: RunStatus::Running,
        started_at_ms: 5,
        ended_at_ms: None,
    };
    let stages = [StageRecord::pending("people"), StageRecord::pending("summary")];
    catalog.start_run(&run, &stages).await.unwrap();
    let done = StageRecord {
        status: StageStatus::Committed,
        attempt: 2,
        rows: Some(10),
        version: Some(3),
        started_at_ms: Some(6),
        ended_at_ms: Some(7),
        withheld: true,
        ..stages[0].clone()
    };
    catalog.put_stage("r1", &done).await.unwrap();
    assert!(matches!(catalog.put_stage("r1", &StageRecord::pending("x")).await, Err(CatalogError::RunMissing(_))));
    assert_eq!(catalog.run("r1").await.unwrap().unwrap(), (run.clone(), vec![done, stages[1].clone()]));
    let find =
        async |params: Value| catalog.unfinished_run("income.features", &run.digest, &params, "ann").await.unwrap();
    assert_eq!(find(json!({"min_age": 17})).await, Some(run.clone()));
    assert_eq!(find(json!({"min_age": 18})).await, None);
    catalog.finish_run("r1", RunStatus::Failed).await.unwrap();
    assert_eq!(find(json!({"min_age": 17})).await, None);
    assert_eq!(catalog.runs(10).await.unwrap()[0].status, RunStatus::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_and_their_approvals_are_kept() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let digest = Digest::of(b"file");
    assert!(!catalog.is_approved(&digest).await.unwrap());
    catalog.approve_pipeline(&digest, "p", "ann").await.unwrap();
    catalog.approve_pipeline(&digest, "p", "ann").await.unwrap();
    assert!(catalog.is_approved(&digest).await.unwrap());
    let mut pipeline = PipelineRecord {
        name: "p".into(),
        owner: "ann".into(),
        domain: Domain::Production,
        cron: Some("0 6 * * *".into()),
        time_zone: Some("UTC".into()),
        digest: digest.to_string(),
        text: "PIPELINE p ();".into(),
    };
    catalog.put_pipeline(&pipeline).await.unwrap();
    pipeline.cron = None;
    catalog.put_pipeline(&pipeline).await.unwrap();
    assert_eq!(catalog.pipelines().await.unwrap(), [pipeline.clone()]);
    assert_eq!(catalog.pipeline("p").await.unwrap(), Some(pipeline));
}

#[tokio::test(flavor = "multi_thread")]
async fn lineage_is_that_of_the_last_write() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a"]).await;
    let edge = |output: Option<&str>, kind, subtype: &str| LineageEdge {
        output: output.map(Arc::from),
        input: TableName::new("src", "Ünit").column("x y"),
        kind,
        subtype: subtype.into(),
    };
    let old = [edge(Some("gone"), LineageKind::Direct, "IDENTITY")];
    catalog.record_lineage(&table.id, &old, "CREATE").await.unwrap();
    let new = [
        edge(Some("a"), LineageKind::Direct, "AGGREGATION"),
        edge(None, LineageKind::Indirect, "FILTER"),
        edge(Some("b"), LineageKind::Direct, "IDENTITY"),
    ];
    catalog.record_lineage(&table.id, &new, "REFRESH").await.unwrap();
    let all = catalog.lineage_of(&table.id, None).await.unwrap();
    assert_eq!(all.iter().map(|record| record.edge.clone()).collect::<Vec<_>>(), new);
    assert_eq!(&*all[0].statement, "REFRESH");
    assert_eq!(catalog.lineage_of(&table.id, Some("a")).await.unwrap(), all[..2]);
}
