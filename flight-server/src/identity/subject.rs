//! The subject of a certificate as text: RFC 4514, and nothing beside it, so that one subject has one spelling.

use std::fmt::Write;

use x509_parser::{
    asn1_rs::ToDer,
    x509::{AttributeTypeAndValue, X509Name},
};

/// The attribute types that RFC 4514 names (section 3); all others are written as digits.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// `subject` as text: the last of its names first, as RFC 4514 (section 2.1) has them. `None` where a value cannot be
/// written.
pub(super) fn subject_text(subject: &X509Name<'_>) -> Option<String> {
    let mut names = subject
        .iter_rdn()
        .map(|name| Some(name.iter().map(attribute).collect::<Option<Vec<_>>>()?.join("+")))
        .collect::<Option<Vec<_>>>()?;
    names.reverse();
    Some(names.join(","))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let id = attribute.attr_type().to_id_string();
    let keyword = KEYWORDS.into_iter().find(|(known, _)| *known == id).map(|(_, keyword)| keyword);
    match (keyword, attribute.as_str()) {
        (Some(keyword), Ok(value)) => Some(format!("{keyword}={}", escape(value))),
        // Section 2.4: a value without a text of its own is written as its bytes.
        (keyword, _) => Some(format!("{}={}", keyword.unwrap_or(&id), bytes(attribute)?)),
    }
}

fn bytes(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let mut text = String::from("#");
    for byte in attribute.attr_value().to_der_vec().ok()? {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// Section 2.4. A zero byte is spelled out: whoever reads the text as ending there would read another name.
fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', character]),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            '#' if at == 0 => text.push_str("\\#"),
            '\0' => text.push_str("\\00"),
            _ => text.push(character),
        }
    }
    text
}

/// Why no subject is ever written as `text`, if that is so; to be told before somebody waits for it.
pub(super) fn misspelling(text: &str) -> Option<&'static str> {
    let mut rest = text;
    loop {
        let end = unescaped_end(rest);
        let Some((kind, value)) = rest[..end].split_once('=') else {
            return Some("each part is a type, `=` and a value");
        };
        if kind.starts_with(' ') || value.starts_with(' ') || (value.ends_with(' ') && !value.ends_with("\\ ")) {
            return Some("no space belongs beside `,` and `=`");
        }
        if KEYWORDS.iter().any(|(_, keyword)| *keyword == kind) {
            // A known type.
        } else if kind.is_empty() || kind.contains(|next: char| !next.is_ascii_digit() && next != '.') {
            return Some("a type is one of CN, L, ST, O, OU, C, STREET, DC and UID, or written in digits");
        } else if !value.starts_with('#') {
            return Some("the value of a type in digits is `#` and the bytes of its DER in hexadecimal");
        }
        if end == rest.len() {
            return None;
        }
        rest = &rest[end + 1..];
    }
}

/// Where the first part of `text` ends.
fn unescaped_end(text: &str) -> usize {
    let mut escaped = false;
    text.find(|next: char| {
        let ends = !escaped && matches!(next, ',' | '+');
        escaped = !escaped && next == '\\';
        ends
    })
    .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn subject(names: &[(DnType, DnValue)]) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, read) = X509Certificate::from_der(certificate.der()).unwrap();
        let text = subject_text(read.subject()).unwrap();
        assert_eq!(misspelling(&text), None, "{text}");
        text
    }

    #[test]
    fn names_are_written_from_the_last_to_the_first() {
        let names = [
            (DnType::CountryName, "DE".into()),
            (DnType::OrganizationName, "Acme".into()),
            (DnType::CommonName, "alice".into()),
        ];
        assert_eq!(subject(&names), "CN=alice,O=Acme,C=DE");
    }

    #[test]
    fn what_would_read_as_another_name_is_escaped() {
        for (value, expected) in [
            ("alice,O=Acme", "CN=alice\\,O=Acme"),
            ("a+b<c>d;e\"f\\g", "CN=a\\+b\\<c\\>d\\;e\\\"f\\\\g"),
            ("#1", "CN=\\#1"),
            (" a b ", "CN=\\ a b\\ "),
            (" ", "CN=\\ "),
            ("alice\0.example", "CN=alice\\00.example"),
            ("Zoë", "CN=Zoë"),
        ] {
            assert_eq!(subject(&[(DnType::CommonName, DnValue::Utf8String(value.to_owned()))]), expected);
        }
    }

    #[test]
    fn types_without_a_keyword_are_written_as_digits_and_bytes() {
        let mail = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        assert_eq!(subject(&[(mail, DnValue::Utf8String("a@b".to_owned()))]), "1.2.840.113549.1.9.1=#0c03614062");
    }

    #[test]
    fn what_no_certificate_can_have_is_told() {
        for wrong in ["alice", "", "CN=a, O=b", "CN = a", "cn=a", "CN=a,,O=b", "emailAddress=a@b", "1.2.3=x", "CN=a "] {
            assert!(misspelling(wrong).is_some(), "{wrong}");
        }
        for right in ["CN=a", "CN=", "CN=a\\, b,O=c", "UID=1+CN=a", "1.2.3=#0c01", "CN=a=b", "CN=a\\ "] {
            assert_eq!(misspelling(right), None, "{right}");
        }
    }
}
