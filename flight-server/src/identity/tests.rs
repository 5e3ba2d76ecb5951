//! Every way in, with a real home behind it.

pub(crate) mod provider;

use arrow::array::StringArray;
use futures::{FutureExt, StreamExt};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};
use sluice_engine::{Outcome, SessionOptions};
use sluice_planner::parse::parse;
use tempfile::TempDir;
use tonic::Code;

use super::{options::OidcOptions, *};
use provider::{AUDIENCE, ISSUER, Provider, SigningKey, now};

struct Home {
    identities: Identities,
    key: SigningKey,
    _provider: Provider,
    _dir: TempDir,
}

impl Home {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::create(&dir.path().join("home"), "root").await.unwrap();
        let key = SigningKey::elliptic("1");
        let provider = Provider::new(&[&key]);
        let options = IdentityOptions {
            oidc: OidcOptions {
                issuer: Some(ISSUER.to_owned()),
                jwks: Some(provider.place().to_owned()),
                groups: [("idp-analysts".to_owned(), "analysts".to_owned())].into(),
                ..OidcOptions::default()
            },
            certificates: [("CN=bot,O=Acme", "bot"), ("CN=gone,O=Acme", "gone"), ("CN=g,O=Acme", "analysts")]
                .map(|(subject, name)| (subject.to_owned(), name.to_owned()))
                .into(),
        };
        let identities = Identities::new(engine, options).unwrap();
        let home = Self { identities, key, _provider: provider, _dir: dir };
        home.run("CREATE USER alice; CREATE USER bob; CREATE SERVICE bot; CREATE GROUP analysts").await;
        home.run("ALTER USER alice SET PASSWORD 'open sesame'").await;
        home
    }

    /// A handshake with a password.
    async fn log_in(&self, name: &str, password: &str) -> Entered {
        let metadata = headers(&basic(name, password));
        self.identities.handshake(&[], &metadata, &Peer::default()).await.unwrap()
    }

    /// Runs statements as an admin, and answers the last one's text.
    async fn run(&self, text: &str) -> String {
        let mut session = self.identities.engine.session(SessionOptions::default()).await.unwrap();
        let mut answer = String::new();
        for statement in parse(text).unwrap() {
            answer = match session.run(&statement, ".".as_ref()).await.unwrap() {
                Outcome::Done { message, .. } => message,
                Outcome::Rows { mut rows, .. } => {
                    let batch = rows.next().await.unwrap().unwrap();
                    batch.column(0).as_any().downcast_ref::<StringArray>().unwrap().value(0).to_owned()
                }
            };
        }
        answer
    }

    fn jwt(&self, change: Value) -> String {
        let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + 600 });
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        format!("Bearer {}", self.key.sign(&claims))
    }

    /// Lets a caller in, who has to be let in.
    async fn identify(&self, header: &str) -> Entered {
        self.identities.identify(&headers(header), &Peer::default()).await.unwrap()
    }

    /// What a caller is told that is not let in, without the wait.
    async fn refused(&self, header: Option<&str>, peer: &Peer) -> (Code, String) {
        let metadata = header.map(headers).unwrap_or_default();
        let entered = match presented::in_headers(&metadata) {
            Ok(presented) => self.identities.enter(presented, peer, Way::Call).await,
            Err(refusal) => Err(refusal),
        };
        let status = entered.err().unwrap_or_else(|| panic!("{header:?} was let in")).into_status();
        assert!(status.details().is_empty() && status.metadata().is_empty());
        (status.code(), status.message().to_owned())
    }
}

fn headers(authorization: &str) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", authorization.parse().unwrap());
    metadata
}

fn basic(name: &str, password: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")))
}

fn certificate(name: &str) -> Peer {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Acme");
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    Peer { address: None, certificates: Some(Arc::new(vec![certificate.der().clone()])) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_leads_to_a_principal_of_the_catalog() {
    let home = Home::new().await;
    let token = home.run("CREATE TOKEN FOR bob").await;
    let entered = home.identify(&format!("bearer {token}")).await;
    assert_eq!((&*entered.identity.principal, entered.issued), ("bob", None));
    let left = entered.identity.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
    assert_eq!(left.as_secs() / 86_400, 89);

    let entered = home.identify(&home.jwt(json!({ "groups": ["idp-analysts", "else"] }))).await;
    assert_eq!((&*entered.identity.principal, entered.issued), ("alice", None));
    assert_eq!(entered.identity.groups, ["analysts".into()] as [Arc<str>; 1]);

    let entered = home.identities.identify(&MetadataMap::new(), &certificate("bot")).await.unwrap();
    assert_eq!((&*entered.identity.principal, entered.issued), ("bot", None));

    let by_password = home.log_in("alice", "open sesame").await;
    assert_eq!(&*by_password.identity.principal, "alice");
    let token = by_password.issued.unwrap();
    let by_login = home.identify(&format!("Bearer {token}")).await;
    assert_eq!(by_login.identity.credential, by_password.identity.credential, "one login is one session");
    assert_eq!((&*by_login.identity.principal, by_login.issued), ("alice", None));
    let again = home.log_in("alice", "open sesame").await;
    assert_ne!(again.identity.credential, by_password.identity.credential);
    let by_call = home.identify(&basic("alice", "open sesame")).await;
    assert_eq!(by_call.issued, None);
    let next = home.identify(&basic("alice", "open sesame")).await;
    assert_eq!(next.identity.credential, by_call.identity.credential, "calls of one password are one session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_a_password_begins_a_login() {
    use prost::Message;
    let home = Home::new().await;
    let auth = arrow_flight::BasicAuth { username: "alice".to_owned(), password: "open sesame".to_owned() };
    let payload = auth.encode_to_vec();
    let entered = home.identities.handshake(&payload, &MetadataMap::new(), &Peer::default()).await.unwrap();
    let token = entered.issued.unwrap();
    assert_eq!(&*home.identify(&format!("Bearer {token}")).await.identity.principal, "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_looks_the_same() {
    let home = Home::new().await;
    let dropped = home.run("CREATE TOKEN FOR alice").await;
    let id = home.run("SHOW TOKENS FOR alice").await;
    home.run(&format!("DROP TOKEN '{id}'")).await;
    let expired = BearerToken::random(BearerToken::ACCESS);
    home.identities.engine.catalog().create_token("alice", &expired.digest(), 1_000, "root").await.unwrap();
    let ended = home.log_in("alice", "open sesame").await;
    home.identities.end(&ended.identity.credential);
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let nobody = Peer::default();
    let bot = certificate("bot");
    let mut told = Vec::new();
    for (what, header, peer) in [
        ("nothing", None, &nobody),
        ("an empty header", Some(String::new()), &nobody),
        ("another scheme", Some("Negotiate abc".to_owned()), &nobody),
        ("garbage", Some("Basic %%%".to_owned()), &nobody),
        ("a dropped token", bearer(&dropped), &nobody),
        ("an expired token", bearer(expired.as_str()), &nobody),
        ("a made-up token", bearer("slc_0"), &nobody),
        ("a login that was ended", bearer(&ended.issued.unwrap()), &nobody),
        ("a made-up login", bearer("sll_0"), &nobody),
        ("a wrong password", Some(basic("alice", "open barley")), &nobody),
        ("no password", Some(basic("alice", "")), &nobody),
        ("a password of nobody", Some(basic("zoe", "open sesame")), &nobody),
        ("a password of who has none", Some(basic("bob", "open sesame")), &nobody),
        ("a password of a group", Some(basic("analysts", "open sesame")), &nobody),
        ("a very long password", Some(basic("alice", &"x".repeat(5000))), &nobody),
        ("an expired JWT", Some(home.jwt(json!({ "exp": now() - 100 }))), &nobody),
        ("a JWT for others", Some(home.jwt(json!({ "aud": "others" }))), &nobody),
        ("a JWT of nobody", Some(home.jwt(json!({ "sub": "zoe" }))), &nobody),
        ("a JWT of a group", Some(home.jwt(json!({ "sub": "analysts" }))), &nobody),
        ("a certificate of nobody", None, &certificate("zoe")),
        ("a certificate of who is gone", None, &certificate("gone")),
        ("a certificate of a group", None, &certificate("g")),
        ("a wrong token beside a good certificate", bearer("slc_0"), &bot),
    ] {
        told.push((what, home.refused(header.as_deref(), peer).await));
    }
    for (what, (code, text)) in &told {
        assert_eq!((*code, text), (Code::Unauthenticated, &told[0].1.1), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_what_was_begun_with_the_one_before() {
    let home = Home::new().await;
    let token = home.log_in("alice", "open sesame").await.issued.unwrap();
    let login = format!("Bearer {token}");
    home.run("CREATE TAG elsewhere").await;
    home.identify(&login).await;
    home.run("ALTER USER alice SET PASSWORD 'open barley'").await;
    home.refused(Some(&login), &Peer::default()).await;
    home.refused(Some(&basic("alice", "open sesame")), &Peer::default()).await;
    let token = home.log_in("alice", "open barley").await.issued.unwrap();
    home.run("DROP USER alice; CREATE USER alice").await;
    home.refused(Some(&format!("Bearer {token}")), &Peer::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_waits() {
    let home = Home::new().await;
    let peer = Peer { address: Some(([192, 0, 2, 1], 4711).into()), certificates: None };
    assert!(home.identities.identify(&MetadataMap::new(), &peer).now_or_never().is_none());
    let address = peer.address.map(|address| address.ip());
    assert_eq!(home.identities.throttle.failed(address, Instant::now()).as_millis(), 200, "one has been counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nobody_can_tell_and_nobody_is_to_blame() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::create(&dir.path().join("home"), "root").await.unwrap();
    let oidc = OidcOptions {
        issuer: Some(ISSUER.to_owned()),
        jwks: Some("missing.json".to_owned()),
        ..OidcOptions::default()
    };
    let identities = Identities::new(engine, IdentityOptions { oidc, ..IdentityOptions::default() }).unwrap();
    let token = format!("Bearer {}", SigningKey::elliptic("1").sign(&json!({})));
    let status = identities.identify(&headers(&token), &Peer::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(!status.message().contains("missing.json"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_not_printed() {
    let home = Home::new().await;
    let entered = home.log_in("alice", "open sesame").await;
    let printed = format!("{entered:?} {:?}", certificate("bot"));
    assert!(!printed.contains(&entered.issued.unwrap()), "{printed}");
    assert!(printed.contains("alice") && printed.contains("***"), "{printed}");
}
