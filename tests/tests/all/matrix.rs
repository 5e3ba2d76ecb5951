//! Who may see what: persona × statement, golden. A cell that is missing and a cell that changed both fail.

use crate::support::{TestHome, refusals};

/// The personas of the matrix, in the order of its columns.
const PERSONAS: [&str; 5] = ["ana", "uma", "rae", "eve", "root"];

/// A statement, and for each persona `ok` or what was refused.
const MATRIX: &[(&str, [&str; 5])] = &[
    ("SELECT city, avg(age) FROM crm.people GROUP BY city", ["ok", "ok", "ok", HIDDEN, READ_AGE_CITY]),
    ("SELECT race FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
    ("SELECT count(*) FROM crm.people WHERE race = 'A'", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT city FROM crm.people ORDER BY race", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT city FROM crm.people GROUP BY city, race", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT rank() OVER (ORDER BY race) FROM crm.people", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT count(*) OVER (PARTITION BY race) FROM crm.people", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT CASE WHEN race = 'A' THEN 1 ELSE 0 END FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
    ("SELECT race IS NULL FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
    ("SELECT count(race) FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
    ("SELECT min(md5(race)) FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
    (
        "SELECT city FROM crm.people WHERE EXISTS (SELECT 1 FROM crm.people p WHERE p.race = 'B')",
        [USE_RACE, "ok", "ok", HIDDEN, USE_RACE],
    ),
    ("SELECT DISTINCT city FROM crm.people", ["ok", "ok", "ok", HIDDEN, "ok"]),
    ("SELECT DISTINCT city, race FROM crm.people", [RACE_BOTH, READ_RACE, "ok", HIDDEN, RACE_BOTH]),
    ("SELECT o.item FROM crm.orders o JOIN crm.people p ON o.person_id = p.id", [USE_IDS, "ok", "ok", HIDDEN, USE_IDS]),
    ("SELECT a.city FROM crm.people a JOIN crm.people b USING (race)", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT weight FROM crm.people", [READ_WEIGHT, READ_WEIGHT, READ_WEIGHT, HIDDEN, READ_WEIGHT]),
    ("SELECT city FROM crm.people WHERE weight > 2", [USE_WEIGHT, USE_WEIGHT, USE_WEIGHT, HIDDEN, USE_WEIGHT]),
    ("SELECT * FROM crm.people", [STAR, STAR, READ_WEIGHT, HIDDEN, STAR_ADMIN]),
    ("SELECT count(*) FROM crm.people", ["ok", "ok", "ok", HIDDEN, "ok"]),
    ("SELECT 1", ["ok", "ok", "ok", "ok", "ok"]),
    (
        "SELECT city FROM crm.people UNION ALL SELECT race FROM crm.people",
        [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE],
    ),
    ("SELECT city FROM crm.people EXCEPT SELECT race FROM crm.people", [USE_RACE, "ok", "ok", HIDDEN, USE_RACE]),
    ("SELECT (SELECT max(race) FROM crm.people) FROM crm.people", [READ_RACE, READ_RACE, "ok", HIDDEN, READ_RACE]),
];

const HIDDEN: &str = "table `crm.people` does not exist or is not visible";
const READ_RACE: &str = "crm.people.race special.race READ";
const USE_RACE: &str = "crm.people.race special.race USE";
const RACE_BOTH: &str = "crm.people.race special.race READ, crm.people.race special.race USE";
const READ_WEIGHT: &str = "crm.people.weight unclassified READ";
const USE_WEIGHT: &str = "crm.people.weight unclassified USE";
const USE_IDS: &str = "crm.orders.person_id pii.id USE, crm.people.id pii.id USE";
const READ_AGE_CITY: &str = "crm.people.age personal.age READ";
const STAR: &str = "crm.people.id pii.id READ, crm.people.name pii.name READ, crm.people.race special.race READ, \
                    crm.people.weight unclassified READ";
const STAR_ADMIN: &str = "crm.people.age personal.age READ, crm.people.id pii.id READ, crm.people.name pii.name READ, \
                          crm.people.race special.race READ, crm.people.weight unclassified READ";

#[tokio::test(flavor = "multi_thread")]
async fn every_persona_gets_what_the_matrix_says() {
    let home = TestHome::new().await;
    let mut wrong = Vec::new();
    for (statement, expected) in MATRIX {
        for (persona, expected) in PERSONAS.iter().zip(expected) {
            let got = match home.run(persona, statement).await {
                Ok(_) => "ok".to_owned(),
                Err(error) if error.denials().is_empty() => error.to_string(),
                Err(error) => refusals(&error).join(", "),
            };
            // A hidden table is named as the statement names it first.
            let hidden = expected == &HIDDEN && got.starts_with("table `crm.") && got.ends_with("is not visible");
            if got != **expected && !hidden {
                wrong.push(format!("{persona}: {statement}\n  expected {expected}\n  got      {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The admin has no `READ` by being one, and owns the tables it made: only the tags stop it.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_reads_only_what_it_grants_itself_on_record() {
    let home = TestHome::new().await;
    home.denied("root", "SELECT race FROM crm.people").await;
    home.ok("root", "GRANT READ ON TAG special TO USER root").await;
    assert_eq!(home.ok("root", "SELECT race FROM crm.people ORDER BY race NULLS LAST").await, ["A", "A", "B", ""]);
    let log = home.ok("root", "SHOW AUDIT FOR root").await;
    assert!(log.iter().any(|line| line.contains("GRANT READ ON TAG special TO USER root")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_counts_from_the_next_statement() {
    let home = TestHome::new().await;
    home.ok("ana", "SELECT age FROM crm.people").await;
    home.ok("root", "REVOKE READ ON TAG personal FROM GROUP analysts").await;
    assert_eq!(home.denied("ana", "SELECT age FROM crm.people").await, ["crm.people.age personal.age READ"]);
    home.ok("root", "ALTER GROUP analysts DROP USER ana").await;
    assert_eq!(home.error("ana", "SELECT city FROM crm.people").await, HIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbid_on_a_descendant_beats_a_permit_on_its_ancestor() {
    let home = TestHome::new().await;
    home.ok(
        "root",
        "CREATE POLICY no_race AS CEDAR $$ forbid (principal, action in Action::\"READ\", resource in Tag::\"special.race\"); $$",
    )
    .await;
    assert_eq!(home.denied("rae", "SELECT race FROM crm.people").await, [READ_RACE]);
    assert_eq!(home.denied("uma", "SELECT city FROM crm.people WHERE race = 'A'").await, [USE_RACE]);
    home.ok("root", "DROP POLICY no_race").await;
    home.ok("rae", "SELECT race FROM crm.people").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn indirect_flows_of_audited_tags_pass_and_are_recorded() {
    let home = TestHome::new().await;
    home.file("visits.csv", "who,place\n1,a\n2,b\n");
    home.ok(
        "root",
        "CREATE TAG watch INDIRECT AUDIT; CREATE TAG calm INDIRECT IGNORE;
         CREATE EXTERNAL TABLE crm.visits STORED AS CSV LOCATION 'visits.csv';
         SET TAG ON COLUMNS crm.visits (who watch, place public)",
    )
    .await;
    assert_eq!(home.ok("ana", "SELECT place FROM crm.visits WHERE who = 1").await, ["a"]);
    assert_eq!(home.denied("ana", "SELECT who FROM crm.visits").await, ["crm.visits.who watch READ"]);
    let log = home.ok("ana", "SHOW AUDIT FOR ana").await;
    assert!(log.iter().any(|line| line.contains("WHERE who = 1") && line.contains("|audit|")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_governance_answers_for_a_query_that_is_refused() {
    let home = TestHome::new().await;
    let rows = home
        .ok("ana", "EXPLAIN GOVERNANCE SELECT city, max(race) AS r FROM crm.people WHERE age > 30 GROUP BY city")
        .await;
    let has = |wanted: &str| assert!(rows.iter().any(|row| row.starts_with(wanted)), "{wanted}\n{rows:#?}");
    has("city|public|direct|crm.people.city|READ|allow|grant:");
    has("r|special.race|direct|crm.people.race|READ|deny||crm.people.race → aggregate over race");
    has("r|personal.age|indirect|crm.people.age|USE|allow|grant:");
    has("|personal.age|row|crm.people.age|USE|allow|grant:");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_a_table_can_be_sensitive_by_themselves() {
    let home = TestHome::new().await;
    home.ok("root", "CREATE TAG health.patient; SET TAG ON TABLE crm.people health.patient").await;
    assert_eq!(home.denied("rae", "SELECT count(*) FROM crm.people").await, ["crm.people (rows) health.patient USE"]);
    home.ok("root", "GRANT USE ON TAG health.patient TO USER rae").await;
    assert_eq!(home.ok("rae", "SELECT count(*) FROM crm.people").await, ["4"]);
    home.ok("root", "UNSET TAG ON TABLE crm.people health.patient").await;
    home.ok("ana", "SELECT count(*) FROM crm.people").await;
}
