//! Headers of all kinds, to a server that takes tokens, passwords and JWTs.

use futures::future::join_all;
use proptest::{collection::vec, prelude::*};
use tonic::Code;

use super::{fuzz, is_an_answer};
use crate::flight::{PATIENCE, client::Client, server::Served};

/// How many calls are made at once: a refusal takes seconds by design.
const AT_ONCE: usize = 64;

/// A modulus of 2048 bits that nobody has factors of.
fn keys() -> String {
    let modulus = "xP9-".repeat(85) + "xQ";
    format!(r#"{{"keys":[{{"kty":"RSA","kid":"1","use":"sig","alg":"RS256","n":"{modulus}","e":"AQAB"}}]}}"#)
}

/// What may be in a header: anything that is not a control character.
fn authorization() -> impl Strategy<Value = String> {
    let base64 = "[A-Za-z0-9+/=_-]{0,60}";
    // `{"alg":"RS256","kid":"1"}` and the like, which get as far as the signature.
    let header = prop::sample::select(vec![
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ",
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ",
        "e30",
    ]);
    prop_oneof![
        2 => "[ -~]{0,80}",
        2 => base64.prop_map(|text| format!("Basic {text}")),
        2 => base64.prop_map(|text| format!("Bearer {text}")),
        1 => "[0-9a-f]{64}".prop_map(|text| format!("Bearer slc_{text}")),
        1 => "[0-9a-f]{60,64}".prop_map(|text| format!("bearer  sll_{text}")),
        4 => (header, base64, base64)
            .prop_map(|(header, claims, signature)| format!("Bearer {header}.{claims}.{signature}")),
    ]
}

#[test]
fn headers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = "[server.oidc]\nissuer = \"https://idp.example\"\njwks = \"keys.json\"";
    let mut served = Served::start_with(settings, &[("keys.json", &keys())]);
    let (anybody, ana) =
        runtime.block_on(async { (Client::connect(served.address).await, served.client("ana").await) });
    fuzz("credentials", &vec(authorization(), AT_ONCE), |texts| {
        let calls = texts.iter().map(|text| {
            let client = anybody.clone().with("authorization", text);
            async move { tokio::time::timeout(PATIENCE, client.query("SELECT 1")).await }
        });
        for (answer, text) in runtime.block_on(join_all(calls)).into_iter().zip(texts) {
            let status = answer.map_err(|_| "no answer")?.err().ok_or_else(|| format!("`{text}` was let in"))?;
            is_an_answer(&status)?;
            if status.code() != Code::Unauthenticated {
                return Err(format!("`{text}`: {status:?}"));
            }
        }
        Ok(())
    });
    let names = ["x-sluice-session", "x-sluice-domain", "x-sluice-purpose", "x-sluice-view-types", "traceparent"];
    fuzz("other headers", &(prop::sample::select(names.to_vec()), "[ -~]{0,300}"), |(name, text)| {
        let client = ana.clone().with(name, text);
        match runtime.block_on(client.query("SELECT 1")) {
            Ok(_) => Ok(()),
            Err(status) => is_an_answer(&status),
        }
    });
    served.must_be_well("");
}
