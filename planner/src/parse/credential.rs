//! `CREATE TOKEN`, `ALTER USER | SERVICE … PASSWORD`, and the id that `DROP TOKEN` takes.

use std::{fmt, sync::Arc};

use sluice_model::{Principal, PrincipalKind};

use super::{ParseError, Statement, cursor::Cursor, versions::timestamp_ms};

/// A password as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A statement that is printed while somebody looks for a mistake must not print this.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["CREATE", "TOKEN"]) {
        cursor.expect("FOR")?;
        return token(cursor).map(Some);
    }
    for kind in [PrincipalKind::User, PrincipalKind::Service] {
        if cursor.take(&["ALTER", kind.as_str()]) {
            let principal = Principal::new(kind, cursor.ident("a name")?);
            let password = password(cursor)?;
            return Ok(Some(Statement::SetPassword { principal, password }));
        }
    }
    Ok(None)
}

fn token(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if cursor.at("GROUP") {
        return Err(hinted(
            cursor.expected("a user or a service"),
            "a group lets nobody in: make the token for one of its members",
        ));
    }
    let kind = [PrincipalKind::User, PrincipalKind::Service].into_iter().find(|kind| cursor.take(&[kind.as_str()]));
    let holder = cursor.ident("the name of a user or a service")?;
    let expires_at_ms = if cursor.take(&["EXPIRES"]) { Some(expiry(cursor)?) } else { None };
    Ok(Statement::CreateToken { kind, holder, expires_at_ms })
}

fn expiry(cursor: &mut Cursor<'_>) -> Result<i64, ParseError> {
    const FORMS: &str = "write '2027-01-31', or '2027-01-31 18:00:00' (both UTC), or '2027-01-31T18:00:00+01:00'";
    let at = cursor.here();
    let text = cursor.string("a date or a moment in single quotes").map_err(|error| hinted(error, FORMS))?;
    timestamp_ms(&text)
        .ok_or_else(|| hinted(cursor.error_at(at, &format!("`{text}` is not a date and not a moment")), FORMS))
}

/// `SET PASSWORD 'text'` or `DROP PASSWORD`, up to the end of the statement.
///
/// Errors do not quote what they found: it may be the password, or what a quote within it has cut off.
fn password(cursor: &mut Cursor<'_>) -> Result<Option<Password>, ParseError> {
    if cursor.take(&["DROP", "PASSWORD"]) {
        return Ok(None);
    }
    if !cursor.take(&["SET", "PASSWORD"]) {
        return Err(cursor.error_at(cursor.here(), "expected SET PASSWORD 'text', or DROP PASSWORD"));
    }
    let at = cursor.here();
    let Ok(text) = cursor.string("") else {
        return Err(cursor.error_at(at, "expected the new password in single quotes"));
    };
    if !cursor.is_at_end() {
        return Err(hinted(
            cursor.error_at(cursor.here(), "expected the end of the statement behind the password"),
            "a single quote within it is written twice",
        ));
    }
    Ok(Some(Password(text)))
}

/// The id of a token, for `DROP TOKEN`.
pub(super) fn token_id(cursor: &mut Cursor<'_>) -> Result<Arc<str>, ParseError> {
    const LISTED: &str = "SHOW TOKENS lists the ids";
    let at = cursor.here();
    let id = cursor.string("a token's id in single quotes").map_err(|error| hinted(error, LISTED))?;
    if id.starts_with("slc_") {
        return Err(hinted(cursor.error_at(at, "this is a token and not its id"), LISTED));
    }
    Ok(id.into())
}

fn hinted(error: ParseError, hint: &str) -> ParseError {
    ParseError { hint: Some(hint.to_owned()), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{DropKind, ShowStatement, parse};

    fn one(text: &str) -> Statement {
        match parse(text) {
            Ok(mut statements) => statements.remove(0).statement,
            Err(error) => panic!("`{text}`: {error}"),
        }
    }

    #[test]
    fn tokens_are_made_shown_and_dropped() {
        for (text, kind, expires) in [
            ("CREATE TOKEN FOR alice", None, None),
            ("create token for USER Alice expires '1970-01-02'", Some(PrincipalKind::User), Some(86_400_000)),
            (
                "CREATE TOKEN FOR SERVICE alice EXPIRES '1970-01-01T01:00:01+01:00'",
                Some(PrincipalKind::Service),
                Some(1_000),
            ),
        ] {
            let Statement::CreateToken { kind: found, holder, expires_at_ms } = one(text) else { panic!("{text}") };
            assert_eq!((found, &*holder, expires_at_ms), (kind, "alice", expires), "{text}");
        }
        let shown = |text| match one(text) {
            Statement::Show(ShowStatement::Tokens(whose)) => whose,
            other => panic!("{other:?}"),
        };
        assert_eq!(shown("SHOW TOKENS"), None);
        assert_eq!(shown("SHOW TOKENS FOR alice").as_deref(), Some("alice"));
        assert_eq!(shown("SHOW TOKENS FOR SERVICE bot").as_deref(), Some("bot"));
        let Statement::Drop { object: DropKind::Token(id), if_exists: true, .. } = one("DROP TOKEN IF EXISTS 'a-b'")
        else {
            panic!("not a token")
        };
        assert_eq!(&*id, "a-b");
    }

    #[test]
    fn a_password_is_in_the_statement_and_in_no_text_of_it() {
        let parsed = parse("ALTER SERVICE bot SET PASSWORD 'it''s hidden'; ALTER USER alice DROP PASSWORD").unwrap();
        let Statement::SetPassword { principal, password: Some(password) } = &parsed[0].statement else {
            panic!("{:?}", parsed[0])
        };
        assert_eq!((principal.kind, &*principal.name), (PrincipalKind::Service, "bot"));
        assert_eq!(password.as_str(), "it's hidden");
        assert_eq!(&*parsed[0].text, "ALTER SERVICE bot SET PASSWORD '***'");
        assert!(!format!("{parsed:?}").contains("hidden"), "{parsed:?}");
        assert!(matches!(&parsed[1].statement, Statement::SetPassword { password: None, .. }), "{:?}", parsed[1]);
    }

    #[test]
    fn errors_name_the_place_and_the_remedy_and_no_secret() {
        for (text, place, message, hint) in [
            ("CREATE TOKEN alice", "alice", "expected FOR", ""),
            ("CREATE TOKEN FOR GROUP g", "GROUP", "expected a user or a service", "members"),
            ("CREATE TOKEN FOR a EXPIRES 'soon'", "'soon'", "`soon` is not a date", "'2027-01-31'"),
            ("CREATE TOKEN FOR a EXPIRES 2027", "2027", "expected a date", "'2027-01-31'"),
            ("CREATE TOKEN FOR a UNTIL 'x'", "UNTIL", "expected the end", ""),
            ("DROP TOKEN x", "x", "expected a token's id", "SHOW TOKENS"),
            ("DROP TOKEN 'slc_secret'", "'slc_secret'", "this is a token and not its id", "SHOW TOKENS"),
            ("ALTER USER a SET PASSWORD secret", "secret", "in single quotes", ""),
            ("ALTER USER a SET PASSWORD 'it' s secret", "s", "expected the end of the statement", "written twice"),
            ("ALTER USER a PASSWORD 'secret'", "PASSWORD", "expected SET PASSWORD", ""),
            ("ALTER USER a 'secret'", "'secret'", "expected SET PASSWORD", ""),
            ("SHOW TOKENS FOR 'a'", "'a'", "expected a principal's name", ""),
        ] {
            let error = parse(text).unwrap_err();
            let found = &text[error.span.start..error.span.end];
            assert_eq!(found, place, "{text}: {error}");
            assert!(error.message.starts_with(message) || error.message.ends_with(message), "{text}: {error}");
            assert!(!error.message.contains("secret"), "{text}: {error}");
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {:?}", error.hint);
        }
    }
}
