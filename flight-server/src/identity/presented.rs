//! What a call shows of its credential, read and not yet believed.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost::Message;
use tonic::metadata::MetadataMap;

use super::refusal::Refusal;

/// The header that Flight clients of the time before `authorization` send a handshake's answer back in.
const LEGACY_HEADER: &str = "auth-token-bin";

/// Base64 with or without its padding: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A credential as a call carries it. It has no `Debug`: it must not be printed.
pub(super) enum Presented {
    /// A token.
    Bearer(String),
    /// A name and a password.
    Basic(Basic),
    /// Nothing.
    Nothing,
}

/// A name and a password.
pub(super) struct Basic {
    /// The name.
    pub(super) name: String,
    /// The password.
    pub(super) password: String,
}

/// What the headers of a call show.
pub(super) fn in_headers(metadata: &MetadataMap) -> Result<Presented, Refusal> {
    let mut headers = metadata.get_all("authorization").iter();
    let Some(header) = headers.next() else { return legacy(metadata) };
    // Of two, nobody could say which one is meant.
    if headers.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let header = header.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, credential) = header.trim().split_once(' ').ok_or(Refusal::Malformed)?;
    let credential = credential.trim();
    if scheme.eq_ignore_ascii_case("Bearer") {
        Ok(Presented::Bearer(credential.to_owned()))
    } else if scheme.eq_ignore_ascii_case("Basic") {
        basic(credential).map(Presented::Basic)
    } else {
        Err(Refusal::Malformed)
    }
}

/// What a handshake shows, in its headers or else in its payload.
pub(super) fn in_handshake(payload: &[u8], metadata: &MetadataMap) -> Result<Presented, Refusal> {
    match in_headers(metadata)? {
        Presented::Nothing if !payload.is_empty() => {
            let read = arrow_flight::BasicAuth::decode(payload).map_err(|_| Refusal::Malformed)?;
            Ok(Presented::Basic(Basic { name: read.username, password: read.password }))
        }
        presented => Ok(presented),
    }
}

fn legacy(metadata: &MetadataMap) -> Result<Presented, Refusal> {
    let Some(header) = metadata.get_bin(LEGACY_HEADER) else { return Ok(Presented::Nothing) };
    let token = header.to_bytes().map_err(|_| Refusal::Malformed)?;
    let token = std::str::from_utf8(&token).map_err(|_| Refusal::Malformed)?;
    Ok(Presented::Bearer(token.to_owned()))
}

/// `name:password`; only the name cannot hold a colon (RFC 7617).
fn basic(credential: &str) -> Result<Basic, Refusal> {
    let decoded = BASE64.decode(credential).map_err(|_| Refusal::Malformed)?;
    let decoded = String::from_utf8(decoded).map_err(|_| Refusal::Malformed)?;
    let (name, password) = decoded.split_once(':').ok_or(Refusal::Malformed)?;
    Ok(Basic { name: name.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    fn headers(values: &[&str]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for value in values {
            metadata.append("authorization", value.parse().unwrap());
        }
        metadata
    }

    /// What is shown, as `scheme name/token password`.
    fn shown(presented: Result<Presented, Refusal>) -> String {
        match presented {
            Ok(Presented::Bearer(token)) => format!("bearer {token}"),
            Ok(Presented::Basic(basic)) => format!("basic {} {}", basic.name, basic.password),
            Ok(Presented::Nothing) => "nothing".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn schemes_are_read_in_any_case_and_base64_with_or_without_padding() {
        for (values, expected) in [
            (&["Bearer a.b.c"][..], "bearer a.b.c"),
            (&["bEARER  slc_1 "], "bearer slc_1"),
            (&["Basic YWxpY2U6b3BlbjpzZXNhbWU="], "basic alice open:sesame"),
            (&["basic YWxpY2U6b3BlbjpzZXNhbWU"], "basic alice open:sesame"),
            (&["Basic OnA="], "basic  p"),
            (&[], "nothing"),
        ] {
            assert_eq!(shown(in_headers(&headers(values))), expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_credential() {
        for values in [
            &["Bearer"][..],
            &["Basic !"],
            &["Basic YWxpY2U="],
            &["Basic /////w=="],
            &["Digest username=alice"],
            &[""],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(shown(in_headers(&headers(values))), "the credentials cannot be read", "{values:?}");
        }
    }

    #[test]
    fn a_handshake_may_carry_its_credential_in_either_place() {
        let auth = arrow_flight::BasicAuth { username: "alice".to_owned(), password: "p".to_owned() };
        let payload = auth.encode_to_vec();
        assert_eq!(shown(in_handshake(&payload, &MetadataMap::new())), "basic alice p");
        assert_eq!(shown(in_handshake(&payload, &headers(&["Bearer t"]))), "bearer t");
        assert_eq!(shown(in_handshake(&[], &MetadataMap::new())), "nothing");
        assert_eq!(shown(in_handshake(&[0xff], &MetadataMap::new())), "the credentials cannot be read");
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(LEGACY_HEADER, MetadataValue::from_bytes(b"sll_1"));
        assert_eq!(shown(in_headers(&metadata)), "bearer sll_1");
    }
}
