use super::*;
use std::time::Instant;
#[tokio::test(flavor = "multi_thread")]
async fn scratch_ro() {
    let Ok(path) = std::env::var("RO_HOME") else { return };
    let c = Catalog::open(Path::new(&path)).await.unwrap();
    println!("read_only={} schemas={}", c.is_read_only(), c.schemas().await.unwrap().len());
    println!("{:?}", c.create_tag(&tag("x"), Default::default(), None, "a").await);
}
#[tokio::test(flavor = "multi_thread")]
async fn scratch_make() {
    let Ok(path) = std::env::var("MK_HOME") else { return };
    let c = Catalog::create(Path::new(&path), "ann", "x").await.unwrap();
    c.create_schema(&SchemaName::new("crm"), Domain::Production, "ann").await.unwrap();
    c.close().await;
}
#[tokio::test(flavor = "multi_thread")]
async fn scratch_perf() {
    if std::env::var("PERF").is_err() {
        return;
    }
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let n = 20_000;
    let t = Instant::now();
    for chunk in 0..n / 1000 {
        let tables: Vec<_> = (0..1000)
            .map(|i| {
                let name = TableName::new("crm", format!("t{}", chunk * 1000 + i));
                let columns = (0..20)
                    .map(|c| {
                        let cn: Arc<str> = format!("col{c}").into();
                        NewColumn {
                            name: cn.clone(),
                            sql_type: "VARCHAR".into(),
                            tags: vec![StoredTag {
                                tag: tag("pii"),
                                flow: sluice_model::Flow::Direct,
                                source: sluice_model::TagSource::Set,
                                origin: sluice_model::Origin::column(&name, cn),
                            }],
                        }
                    })
                    .collect();
                NewTable { name, owner: "ann".into(), source: view("SELECT 1"), columns, row_tags: vec![] }
            })
            .collect();
        home.catalog.create_tables(&tables).await.unwrap();
    }
    println!("{n} tables {:?}, file {} MB", t.elapsed(), std::fs::metadata(home.catalog.path()).unwrap().len() >> 20);
    let session = SessionContext::new().state();
    let req = |i| TableRequest { name: TableName::new("crm", format!("t{i}")), at: TableVersion::Latest };
    for round in 0..3 {
        let t = Instant::now();
        for i in 0..1000 {
            home.catalog.snapshot_tables(&session, &[req(i * 17)]).await.unwrap();
        }
        println!("round {round}: {:?} per view snapshot", t.elapsed() / 1000);
    }
    let location = folder_url(&home.path("w"));
    let t = Instant::now();
    write(&location, &people(&[(1, "a")]), WriteMode::Create).await.unwrap();
    println!("delta create {:?}", t.elapsed());
    let t = Instant::now();
    write(&location, &people(&[(1, "a")]), WriteMode::Overwrite { expected_version: 0 }).await.unwrap();
    println!("delta overwrite {:?}", t.elapsed());
    home.table("d", managed(&location), &["id"]).await;
    let r = TableRequest { name: TableName::new("crm", "d"), at: TableVersion::Latest };
    for _ in 0..2 {
        let t = Instant::now();
        home.catalog.snapshot_tables(&session, std::slice::from_ref(&r)).await.unwrap();
        println!("delta open {:?}", t.elapsed());
    }
    let t = Instant::now();
    for _ in 0..1000 {
        home.catalog.snapshot_tables(&session, std::slice::from_ref(&r)).await.unwrap();
    }
    println!("delta cached {:?}", t.elapsed() / 1000);
    let t = Instant::now();
    for _ in 0..1000 {
        home.catalog.epoch().await.unwrap();
    }
    println!("epoch {:?}", t.elapsed() / 1000);
    let record = AuditRecord {
        at_ms: 1,
        principal: "ann".into(),
        domain: Domain::Production,
        statement: "SELECT 1".into(),
        decision: AuditDecision::Allow,
        reason: None,
        fingerprint: None,
        cache: "off".into(),
        analysis_us: 7,
        rows: None,
        detail: Value::Null,
    };
    let t = Instant::now();
    for _ in 0..1000 {
        home.catalog.record_audit(&record).await.unwrap();
    }
    println!("audit {:?}", t.elapsed() / 1000);
    let t = Instant::now();
    for i in 0..50 {
        home.catalog.create_tag(&tag(&format!("zz{i}")), Default::default(), None, "a").await.unwrap();
    }
    println!("edit {:?}", t.elapsed() / 50);
}
