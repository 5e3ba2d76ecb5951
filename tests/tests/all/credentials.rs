//! Tokens and passwords: who may have them made, who gets in by them, and where they are never found.

use sluice_engine::EngineError;

use crate::{
    process::Home,
    support::{ADMIN, TestHome},
};

const ME_ONLY: &str = "is not in the group `admins`";

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_has_its_own_credentials_and_an_admin_everybodys() {
    let home = TestHome::new().await;
    for statement in [
        "CREATE TOKEN FOR ana",
        "CREATE TOKEN FOR SERVICE bot EXPIRES '2999-01-01'",
        "ALTER USER ana SET PASSWORD 'correct horse'",
    ] {
        home.ok(ADMIN, statement).await;
    }
    for statement in ["CREATE TOKEN FOR ana", "SHOW TOKENS FOR ana", "ALTER USER ana SET PASSWORD 'battery staple'"] {
        home.ok("ana", statement).await;
        let refused = home.error("eve", statement).await;
        assert!(refused.ends_with(ME_ONLY), "{statement}: {refused}");
    }
    let refused = home.error("eve", "ALTER USER ana DROP PASSWORD").await;
    assert!(refused.ends_with(ME_ONLY), "{refused}");
    // Whether somebody exists is nobody else's business.
    let refused = home.error("eve", "CREATE TOKEN FOR nobody").await;
    assert!(refused.ends_with(ME_ONLY), "{refused}");
    let own = home.ok("ana", "SHOW TOKENS").await;
    assert_eq!(own.len(), 2);
    assert!(own.iter().all(|row| row.split('|').nth(1) == Some("ana")), "{own:?}");
    assert_eq!(home.ok("eve", "SHOW TOKENS").await, [""; 0]);
    let all = home.ok(ADMIN, "SHOW TOKENS").await;
    assert_eq!(all.len(), 3);
    let bots = all.iter().find(|row| row.split('|').nth(1) == Some("bot")).unwrap();
    assert!(bots.ends_with("|2999-01-01T00:00:00.000Z"), "{bots}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_others_is_not_there() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "CREATE TOKEN FOR ana").await;
    let row = home.ok("ana", "SHOW TOKENS").await.remove(0);
    let id = row.split('|').next().unwrap();
    let drop = format!("DROP TOKEN '{id}'");
    let missing = |id: &str| format!("token `{id}` does not exist");
    assert_eq!(home.error("eve", &drop).await, missing(id));
    assert_eq!(home.error("eve", "DROP TOKEN 'x'").await, missing("x"));
    home.ok("ana", &drop).await;
    assert_eq!(home.error("ana", &drop).await, missing(id));
    assert_eq!(home.ok("ana", &format!("DROP TOKEN IF EXISTS '{id}'")).await, ["nothing to drop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_a_remedy() {
    let home = TestHome::new().await;
    for (statement, message, remedy) in [
        ("CREATE TOKEN FOR ana EXPIRES '2020-01-01'", "would have expired already, at 2020-01-01", "90 days"),
        ("CREATE TOKEN FOR analysts", "`analysts` is a group; only users and services", ""),
        ("CREATE TOKEN FOR SERVICE ana", "`ana` is a USER, not a SERVICE", "USER ana"),
        ("CREATE TOKEN FOR nobody", "principal `nobody` does not exist", ""),
        ("ALTER USER ana SET PASSWORD 'short'", "fewer than 8 characters", "words"),
        ("ALTER SERVICE ana SET PASSWORD 'long enough'", "`ana` is a USER, not a SERVICE", "USER ana"),
        ("ALTER USER ana DROP PASSWORD", "`ana` has no password", ""),
    ] {
        let error = home.run(ADMIN, statement).await.unwrap_err();
        assert!(error.to_string().contains(message), "{statement}: {error}");
        assert!(error.hint().unwrap_or_default().contains(remedy), "{statement}: {:?}", error.hint());
    }
    let long = format!("ALTER USER ana SET PASSWORD '{}'", "x".repeat(2000));
    assert!(home.error(ADMIN, &long).await.contains("too long"));
    assert_eq!(home.ok(ADMIN, "SHOW TOKENS").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_of_a_token_is_known_until_it_is_dropped() -> Result<(), EngineError> {
    let home = TestHome::new().await;
    let token = home.ok("ana", "CREATE TOKEN FOR ana").await.remove(0);
    let other = home.ok("ana", "CREATE TOKEN FOR ana").await.remove(0);
    assert_ne!(token, other);
    let catalog = home.engine.catalog();
    let holder_of = async |token| home.engine.principal_of_token(token, catalog.epoch().await?).await;
    let holder = holder_of(&token).await?.unwrap();
    assert_eq!(&*holder.principal, "ana");
    assert_eq!(holder_of(&token).await?.as_ref(), Some(&holder), "as it is remembered");
    assert_eq!(holder_of(&token[1..]).await?, None);
    assert_eq!(holder_of("").await?, None);
    home.ok("ana", &format!("DROP TOKEN '{}'", holder.token_id)).await;
    assert_eq!(holder_of(&token).await?, None);
    assert!(holder_of(&other).await?.is_some());
    home.ok(ADMIN, "ALTER GROUP analysts DROP USER ana; DROP USER ana; CREATE USER ana").await;
    assert_eq!(holder_of(&other).await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_verified_until_there_is_another() -> Result<(), EngineError> {
    let home = TestHome::new().await;
    let verify = async |name, password| home.engine.verify_password(name, password).await;
    let catalog = home.engine.catalog();
    let version_of = async |name| home.engine.password_version(name, catalog.epoch().await?).await;
    assert_eq!(verify("ana", "correct horse").await?, None);
    home.ok(ADMIN, "ALTER USER ana SET PASSWORD 'correct horse'").await;
    let version = verify("ana", "correct horse").await?;
    assert!(version.is_some());
    assert_eq!(version_of("ana").await?, version);
    for (name, password) in [("ana", "correct hors"), ("ana", ""), ("eve", "correct horse"), ("nobody", "x")] {
        assert_eq!(verify(name, password).await?, None, "{name} {password}");
    }
    home.ok("ana", "ALTER USER ana SET PASSWORD 'correct horse'").await;
    let again = verify("ana", "correct horse").await?;
    assert!(again.is_some() && again != version, "the same word set again is another password");
    home.ok("ana", "ALTER USER ana DROP PASSWORD").await;
    assert_eq!(verify("ana", "correct horse").await?, None);
    assert_eq!(version_of("ana").await?, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_knows_who_did_what_and_no_secret() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "ALTER USER ana SET PASSWORD 'correct horse'").await;
    home.error("eve", "ALTER USER ana SET PASSWORD 'correct horse'").await;
    let token = home.ok("ana", "CREATE TOKEN FOR ana").await.remove(0);
    home.ok("ana", &format!("SELECT '{token}' AS mine")).await;
    let log = home.ok(ADMIN, "SHOW AUDIT").await;
    let of = |who: &str, what: &str| log.iter().filter(|row| row.contains(who) && row.contains(what)).count();
    assert_eq!(of("|root|", "ALTER USER ana SET PASSWORD '***'|allow"), 1, "{log:#?}");
    assert_eq!(of("|eve|", "ALTER USER ana SET PASSWORD '***'|deny"), 1, "{log:#?}");
    assert_eq!(of("|ana|", "CREATE TOKEN FOR ana|allow"), 1, "{log:#?}");
    assert_eq!(of("|ana|", "SELECT '***' AS mine|allow"), 1, "{log:#?}");
    for secret in ["correct", "horse", &token] {
        assert!(!log.iter().any(|row| row.contains(secret)), "{log:#?}");
    }
    let stored = std::fs::read(home.engine.catalog().path()).unwrap();
    let log = std::fs::read(home.path().join("home/catalog.db-wal")).unwrap_or_default();
    for bytes in [stored, log] {
        for secret in ["correct horse", &token] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is stored");
        }
    }
}

#[test]
fn the_command_line_shows_no_password_beside_an_error() {
    let home = Home::new();
    home.ok(&["sql", "-c", "CREATE USER ana; ALTER USER ana SET PASSWORD 'correct horse'"]);
    for text in [
        "ALTER USER ana SET PASSWORD 'correct horse' oops",
        "ALTER USER ana SET PASWORD 'correct horse'",
        "ALTER USER ana SET PASSWORD correct horse",
        "ALTER USER ana SET PASSWORD 'correct horse",
        "ALTER USER nobody SET PASSWORD 'correct horse'",
        "CREATE USER bob PASSWORD 'correct horse'",
        "ALTER USER ana SET PASSWORD 'correct horse'; SELECT 1 +",
    ] {
        for format in ["table", "json"] {
            let said = home.fails(1, &["--format", format, "sql", "-c", text]);
            assert!(!said.contains("correct") && !said.contains("horse"), "{text}: {said}");
        }
    }
    let said = home.fails(3, &["--as", "ana", "sql", "-c", "ALTER USER root SET PASSWORD 'correct horse'"]);
    assert!(said.contains("ALTER USER root SET PASSWORD ****"), "{said}");
    assert!(said.contains("ask an admin to set the password of root"), "{said}");
}
