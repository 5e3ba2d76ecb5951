//! What tables carry after they were written.

use crate::support::{ADMIN, TestHome};

const COPY: &str =
    "CREATE TABLE lab.copy AS SELECT id, race, city, age + 1 AS next_age, weight FROM crm.people WHERE age > 30";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_by_a_query_carries_the_tags_of_what_it_was_made_of() {
    let home = TestHome::new().await;
    home.ok("bot", COPY).await;
    let tags = home.ok("bot", "SHOW TAGS ON TABLE lab.copy").await;
    assert_eq!(
        tags,
        [
            "id|pii.id|direct|propagated|crm.people.id",
            "race|special.race|direct|propagated|crm.people.race",
            "city|public|direct|propagated|crm.people.city",
            "next_age|personal.age|direct|propagated|crm.people.age",
            "weight|unclassified|direct|propagated|crm.people.weight",
            "|personal.age|row|propagated|crm.people.age",
        ]
    );
    assert_eq!(
        home.denied("bot", "SELECT race FROM lab.copy").await,
        ["lab.copy (rows) personal.age USE", "lab.copy.race special.race READ"]
    );
    assert_eq!(home.denied("ana", "SELECT race FROM lab.copy").await, ["lab.copy.race special.race READ"]);
    assert_eq!(home.ok("ana", "SELECT city FROM lab.copy ORDER BY next_age").await, ["Kiel", "Rome", "Rome"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_carried_on_by_what_is_derived_from_derived_tables() {
    let home = TestHome::new().await;
    home.ok("bot", COPY).await;
    home.ok("bot", "CREATE TABLE lab.second AS SELECT upper(race) AS r, count(*) AS n, max(weight) AS w FROM lab.copy GROUP BY race").await;
    let tags = home.ok("rae", "SHOW TAGS ON TABLE lab.second").await;
    for wanted in [
        "r|special.race|direct|propagated|crm.people.race",
        "n|public|direct|propagated|lab.second.n",
        "n|special.race|indirect|propagated|crm.people.race",
        "n|personal.age|indirect|propagated|crm.people.age",
        "w|unclassified|direct|propagated|crm.people.weight",
        "|special.race|row|propagated|crm.people.race",
        "|personal.age|row|propagated|crm.people.age",
    ] {
        assert!(tags.iter().any(|tag| tag == wanted), "{wanted} is missing in {tags:#?}");
    }
    let lineage = home.ok("rae", "SHOW LINEAGE OF lab.second.n").await;
    assert!(lineage.iter().any(|row| row.starts_with("lab.second.n|lab.copy.race|INDIRECT|GROUP_BY|")), "{lineage:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_may_not_be_known_is_withheld() {
    let home = TestHome::new().await;
    home.ok("bot", COPY).await;
    home.ok(ADMIN, "GRANT SELECT ON TABLE lab.copy TO USER eve").await;
    let tags = home.ok("eve", "SHOW TAGS ON TABLE lab.copy").await;
    assert!(tags.contains(&"race|special.race|direct|propagated|withheld".to_owned()), "{tags:#?}");
    let why = home.ok("eve", "EXPLAIN GOVERNANCE SELECT race FROM lab.copy").await;
    assert!(why.iter().all(|row| !row.contains("crm.people")), "{why:#?}");
    let lineage = home.ok("eve", "SHOW LINEAGE OF lab.copy.race").await;
    assert!(lineage.iter().any(|row| row.starts_with("lab.copy.race|withheld|")), "{lineage:#?}");
    // The statement names tables, and may hold values.
    for (who, is_told) in [("eve", false), ("rae", false), ("bot", false), (ADMIN, true)] {
        let lineage = home.ok(who, "SHOW LINEAGE OF lab.copy.race").await.join("\n");
        assert_eq!(lineage.contains("CREATE TABLE"), is_told, "{who}: {lineage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_process_nothing_is_stored() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "GRANT CREATE ON SCHEMA lab TO USER uma").await;
    assert_eq!(
        home.denied("uma", "CREATE TABLE lab.x AS SELECT race FROM crm.people").await,
        ["crm.people.race special.race PROCESS"]
    );
    assert_eq!(
        home.denied("uma", "CREATE TABLE lab.x AS SELECT city FROM crm.people WHERE race = 'A'").await,
        ["crm.people.race special.race PROCESS"]
    );
    home.ok("uma", "CREATE TABLE lab.x AS SELECT city, age FROM crm.people").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_into_a_classified_column_needs_the_very_tag() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t (who VARCHAR, note VARCHAR)").await;
    home.ok(ADMIN, "SET TAG ON COLUMNS lab.t (who special, note public)").await;
    assert_eq!(
        home.denied("bot", "INSERT INTO lab.t SELECT race, city FROM crm.people").await,
        ["`special.race` flows into column `lab.t.who`, which does not carry it"]
    );
    home.ok(ADMIN, "SET TAG ON COLUMN lab.t.who special.race").await;
    assert_eq!(
        home.ok("bot", "INSERT INTO lab.t SELECT race, city FROM crm.people").await,
        ["inserted into lab.t (4 rows)"]
    );
    assert_eq!(
        home.denied("bot", "INSERT INTO lab.t (note) SELECT race FROM crm.people").await,
        ["`special.race` flows into column `lab.t.note`, which does not carry it"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flows_into_an_unclassified_column_stays_with_it() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t (who VARCHAR)").await;
    home.ok("bot", "INSERT INTO lab.t VALUES ('uploaded')").await;
    home.ok("bot", "INSERT INTO lab.t SELECT race FROM crm.people").await;
    let tags = home.ok("bot", "SHOW TAGS ON TABLE lab.t").await;
    assert_eq!(
        tags,
        ["who|special.race|direct|propagated|crm.people.race", "who|unclassified|direct|propagated|lab.t.who"]
    );
    home.ok(ADMIN, "SET TAG ON COLUMN lab.t.who public").await;
    assert_eq!(home.denied("ana", "SELECT who FROM lab.t").await, ["lab.t.who special.race READ"]);
    let error = home.error(ADMIN, "UNSET TAG ON COLUMN lab.t.who special.race").await;
    assert!(error.contains("arrived with the rows"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn public_rows_do_not_make_uploaded_ones_public() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t (x VARCHAR); INSERT INTO lab.t VALUES ('secret')").await;
    home.ok("bot", "INSERT INTO lab.t SELECT city FROM crm.people").await;
    assert_eq!(home.denied("ana", "SELECT x FROM lab.t").await, ["lab.t.x unclassified READ"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_decides_which_rows_exist_goes_onto_the_rows() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT city, race FROM crm.people").await;
    home.ok("ana", "SELECT city FROM lab.t").await;
    home.ok("bot", "DELETE FROM lab.t WHERE race = 'A'").await;
    assert_eq!(home.denied("ana", "SELECT city FROM lab.t").await, ["lab.t (rows) special.race USE"]);
    assert_eq!(home.ok("uma", "SELECT city FROM lab.t ORDER BY city").await, ["Rome", "Rome"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_carries_its_condition_into_what_it_sets() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT city, race, age FROM crm.people").await;
    home.ok("bot", "UPDATE lab.t SET city = 'Bonn' WHERE race = 'A'").await;
    assert_eq!(home.denied("ana", "SELECT city FROM lab.t").await, ["lab.t.city special.race READ"]);
    home.ok("ana", "SELECT age FROM lab.t").await;
    assert_eq!(
        home.ok("rae", "SELECT city, age FROM lab.t ORDER BY age").await,
        ["Bonn|29", "Bonn|36", "Rome|41", "Rome|77"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_classified_column_by_a_foreign_tag_is_refused() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t (city VARCHAR, race VARCHAR)").await;
    home.ok(ADMIN, "SET TAG ON COLUMNS lab.t (city public, race special.race)").await;
    home.ok("bot", "INSERT INTO lab.t SELECT city, race FROM crm.people").await;
    assert_eq!(
        home.denied("bot", "UPDATE lab.t SET city = race").await,
        ["`special.race` flows into column `lab.t.city`, which does not carry it"]
    );
    home.ok("bot", "UPDATE lab.t SET race = upper(race) WHERE city = 'Kiel'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_updates_inserts_and_deletes() {
    let home = TestHome::new().await;
    home.ok("rae", "SELECT 1").await;
    home.ok(ADMIN, "GRANT CREATE ON SCHEMA lab TO USER rae").await;
    home.ok("rae", "CREATE TABLE lab.t AS SELECT id, city, age FROM crm.people").await;
    let merge = "MERGE INTO lab.t AS t
         USING (VALUES (1, 'Ulm', false), (2, 'x', true), (8, 'Jena', false)) AS s (id, city, gone) ON t.id = s.id
         WHEN MATCHED AND s.gone THEN DELETE
         WHEN MATCHED THEN UPDATE SET city = s.city
         WHEN NOT MATCHED THEN INSERT (id, city) VALUES (s.id, s.city)";
    assert_eq!(home.ok("rae", merge).await, ["changed lab.t (3 rows)"]);
    assert_eq!(
        home.ok("rae", "SELECT id, city, age FROM lab.t ORDER BY id").await,
        ["1|Ulm|36", "3|Kiel|29", "4|Rome|77", "8|Jena|"]
    );
    let twice = "MERGE INTO lab.t t USING (VALUES (1, 'a'), (1, 'b')) AS s (id, city) ON t.id = s.id
         WHEN MATCHED THEN UPDATE SET city = s.city";
    let error = home.error("rae", twice).await;
    assert!(error.contains("more than one source row"), "{error}");
    assert_eq!(home.ok("rae", "SELECT city FROM lab.t WHERE id = 1").await, ["Ulm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_another_query_chooses_are_deleted_by_merge() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT n FROM (VALUES (1), (2), (3)) AS v (n)").await;
    home.ok("bot", "CREATE TABLE lab.gone AS SELECT n FROM (VALUES (1), (3), (3), (NULL)) AS v (n)").await;
    for statement in [
        "DELETE FROM lab.t WHERE n IN (SELECT n FROM lab.gone)",
        "UPDATE lab.t SET n = 0 WHERE EXISTS (SELECT 1 FROM lab.gone g WHERE g.n = lab.t.n)",
    ] {
        let error = home.run("bot", statement).await.unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("MERGE")), "{statement}: {error}");
    }
    let merge =
        "MERGE INTO lab.t AS t USING (SELECT DISTINCT n FROM lab.gone) AS s ON t.n = s.n WHEN MATCHED THEN DELETE";
    assert_eq!(home.ok("bot", merge).await, ["changed lab.t (2 rows)"]);
    assert_eq!(home.ok("bot", "SELECT n FROM lab.t").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_withheld_from_who_may_only_process() {
    let home = TestHome::new().await;
    assert_eq!(
        home.ok("bot", "CREATE TABLE lab.t AS SELECT city FROM crm.people WHERE race = 'A'").await,
        ["created lab.t (row count withheld)"]
    );
    assert_eq!(home.ok("bot", "CREATE TABLE lab.u AS SELECT race FROM crm.people").await, ["created lab.u (4 rows)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_grants_go_with_the_table_and_stay_with_its_new_name() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT race FROM crm.people").await;
    home.ok("bot", "GRANT SELECT ON TABLE lab.t TO USER eve").await;
    home.ok("bot", "ALTER TABLE lab.t RENAME TO u").await;
    assert_eq!(home.denied("eve", "SELECT race FROM lab.u").await, ["lab.u.race special.race READ"]);
    home.ok("bot", "DROP TABLE lab.u").await;
    home.ok("bot", "CREATE TABLE lab.u AS SELECT 1 AS x").await;
    assert_eq!(home.error("eve", "SELECT x FROM lab.u").await, "table `lab.u` does not exist or is not visible");
    assert_eq!(home.ok("ana", "SELECT x FROM lab.u").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_a_table_recomputes_what_arrived_and_keeps_what_was_set() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT race AS x FROM crm.people").await;
    home.ok(ADMIN, "CREATE TAG kept; SET TAG ON COLUMN lab.t.x kept").await;
    home.ok("bot", "CREATE OR REPLACE TABLE lab.t AS SELECT city AS x FROM crm.people").await;
    assert_eq!(
        home.ok("bot", "SHOW TAGS ON TABLE lab.t").await,
        ["x|kept|direct|set|lab.t.x", "x|public|direct|propagated|crm.people.city"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_a_new_one_is_computed_from_needs_process_in_its_own_column_too() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.pay AS SELECT p.id, city, amount AS salary FROM crm.people p JOIN crm.orders o ON p.id = o.person_id")
        .await;
    home.ok(ADMIN, "GRANT SELECT, MODIFY ON TABLE lab.pay TO USER eve; GRANT PROCESS ON TAG pii.id TO USER eve").await;
    for probe in [
        "UPDATE lab.pay SET salary = CASE WHEN id = 1 AND salary >= 50 THEN 1 / (salary - salary) ELSE salary END",
        "UPDATE lab.pay SET salary = salary + 1",
        "UPDATE lab.pay SET salary = salary WHERE 1 / (salary - 12) IS NOT NULL",
        "UPDATE lab.pay SET salary = 0 WHERE salary > 12",
        "UPDATE lab.pay SET city = 'x' WHERE salary > 12",
        "MERGE INTO lab.pay t USING (VALUES (1)) AS s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET salary = t.salary / 0",
        "MERGE INTO lab.pay t USING (VALUES (1)) AS s (id) ON t.id = s.id WHEN MATCHED AND t.salary > 12 THEN DELETE",
    ] {
        let refused = home.denied("eve", probe).await;
        assert!(refused.contains(&"lab.pay.salary finance.amount PROCESS".to_owned()), "{probe}: {refused:?}");
    }
    // Nor may rows be chosen by it where all rows of the table carry what it carries.
    home.ok("bot", "CREATE TABLE lab.high AS SELECT id, amount AS salary FROM crm.orders WHERE amount > 0").await;
    home.ok(ADMIN, "GRANT SELECT, MODIFY ON TABLE lab.high TO USER eve").await;
    for probe in [
        "DELETE FROM lab.high WHERE 1 / (salary - 12) > 10000",
        "DELETE FROM lab.high WHERE salary > 700",
        "UPDATE lab.high SET id = 0 WHERE salary > 700",
        "MERGE INTO lab.high t USING (VALUES (1)) AS s (id) ON t.id = s.id AND 1 / (t.salary - 12) > 10000 WHEN MATCHED THEN DELETE",
        "MERGE INTO lab.high t USING (VALUES (1)) AS s (id) ON t.id = s.id WHEN MATCHED AND t.salary > 700 THEN DELETE",
    ] {
        let refused = home.denied("eve", probe).await;
        assert!(refused.iter().any(|denial| denial.ends_with("finance.amount PROCESS")), "{probe}: {refused:?}");
    }
    home.ok("eve", "DELETE FROM lab.high WHERE id = 1").await;
    // What stays where it is needs nothing.
    home.ok("eve", "UPDATE lab.pay SET city = 'Ulm' WHERE city = 'Rome'").await;
    home.ok("eve", "UPDATE lab.pay SET salary = 0 WHERE id = 2").await;
    home.ok(ADMIN, "GRANT PROCESS ON TAG finance TO USER eve").await;
    home.ok("eve", "UPDATE lab.pay SET salary = salary + 1 WHERE salary > 12").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_join_a_classified_column_keep_where_they_come_from() {
    let home = TestHome::new().await;
    home.ok(
        ADMIN,
        "CREATE USER ida; GRANT SELECT ON SCHEMA crm TO USER ida; GRANT SELECT ON SCHEMA lab TO USER ida;
         GRANT READ ON TAG pii TO USER ida;
         CREATE POLICY not_from_crm AS CEDAR $$ forbid (principal == User::\"ida\", action in Action::\"READ\", resource in Tag::\"pii\")
           when { context.schema == \"crm\" }; $$",
    )
    .await;
    home.ok("bot", "CREATE TABLE lab.t (name VARCHAR)").await;
    home.ok(ADMIN, "SET TAG ON COLUMN lab.t.name pii.name").await;
    assert_eq!(home.ok("ida", "SELECT name FROM lab.t").await, [""; 0]);
    home.ok("bot", "INSERT INTO lab.t SELECT name FROM crm.people").await;
    assert_eq!(home.denied("ida", "SELECT name FROM lab.t").await, ["lab.t.name pii.name READ"]);
    let tags = home.ok("rae", "SHOW TAGS ON TABLE lab.t").await;
    assert!(tags.contains(&"name|pii.name|direct|propagated|crm.people.name".to_owned()), "{tags:#?}");
    assert_eq!(home.ok("rae", "SELECT count(*) FROM lab.t").await, ["4"]);
}
