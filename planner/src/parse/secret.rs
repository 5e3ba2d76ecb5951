//! Passwords and tokens in a text, found before anybody reads it as SQL.
//!
//! A statement that sets a password is drawn under errors, remembered by shells and written into the audit log. The
//! text is looked at as words and quotes, not as statements, so that a statement with a mistake in it is covered like
//! one without. What is covered too much costs a few characters of an error; what is covered too little is a leak.

use std::{borrow::Cow, ops::Range};

/// The word that stands before a password.
const PASSWORD: &str = "PASSWORD";

/// What the tokens that Sluice hands out start with: access tokens and those of logins.
const TOKEN_PREFIXES: [&str; 2] = ["slc_", "sll_"];

/// How many characters behind its prefix make a word a token.
const TOKEN_LENGTH: usize = 16;

/// `text` with asterisks in place of every byte that may belong to a password or a token. Every place stays where it
/// was, so that errors can be drawn over it.
pub fn conceal(text: &str) -> Cow<'_, str> {
    replace(text, |secret, out| {
        out.extend(secret.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { '*' }));
    })
}

/// `text` with three asterisks in place of every password and token: for records, which must not tell its length.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    replace(text, |secret, out| out.push_str(if secret.starts_with('\'') { "'***'" } else { "***" }))
}

fn replace(text: &str, write: impl Fn(&str, &mut String)) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for secret in secrets {
        out.push_str(&text[copied..secret.start]);
        write(&text[secret.clone()], &mut out);
        copied = secret.end;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Where the secrets of `text` are, in order, without overlap.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut statement = Statement::default();
    let mut at = 0;
    while let Some((kind, length)) = lexeme(&text[at..]) {
        let place = at..at + length;
        at = place.end;
        match kind {
            Kind::End => statement = Statement::default(),
            Kind::Blank => {}
            Kind::Quoted { closed: false } => {
                // Where a quote is missing, text and quotes have changed places: nothing behind the word is safe.
                let word = PASSWORD.to_ascii_lowercase();
                if let Some(first) = text.to_ascii_lowercase().find(&word).map(|word| word + PASSWORD.len()) {
                    found.retain(|range: &Range<usize>| range.end <= first);
                    found.push(first..text.len());
                    return found;
                }
                found.extend(tokens(text, place));
            }
            Kind::Word | Kind::Quoted { closed: true } | Kind::Other => {
                if !statement.covers(kind, &text[place.clone()]) {
                    found.extend(tokens(text, place));
                } else if kind.is_text() && is_last(&text[at..]) {
                    found.push(place);
                } else {
                    // It is not written as a password has to be, so nobody knows where it ends.
                    found.push(place.start..text.len());
                    return found;
                }
            }
        }
    }
    found
}

/// Whether nothing but blanks is left of a statement.
fn is_last(mut rest: &str) -> bool {
    while let Some((kind, length)) = lexeme(rest) {
        if kind != Kind::Blank {
            return kind == Kind::End;
        }
        rest = &rest[length..];
    }
    true
}

/// What has been seen of a statement.
#[derive(Default)]
struct Statement {
    /// Its first two words, in upper case.
    head: Vec<String>,
    /// Whether it is one of those that a password belongs in, or was meant to be.
    is_credential: bool,
    /// Whether the last word announces a password.
    announced: bool,
}

impl Statement {
    /// Whether the next lexeme may be a password, or a piece of one.
    fn covers(&mut self, kind: Kind, text: &str) -> bool {
        let announced = std::mem::replace(&mut self.announced, is_announcement(kind, text));
        if self.is_credential {
            return announced || (kind.is_text() && !text.starts_with('"'));
        }
        if self.head.len() < 2 && kind == Kind::Word {
            self.head.push(text.to_ascii_uppercase());
            let head: Vec<_> = self.head.iter().map(String::as_str).collect();
            self.is_credential = matches!(*head, ["CREATE" | "ALTER", "USER" | "SERVICE" | "ROLE"] | ["SET", PASSWORD]);
        }
        announced && kind.is_text()
    }
}

/// Whether the word says that a password follows.
fn is_announcement(kind: Kind, text: &str) -> bool {
    kind == Kind::Word && [PASSWORD, "IDENTIFIED"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The tokens written out within `place`.
fn tokens(text: &str, place: Range<usize>) -> Vec<Range<usize>> {
    let within = &text[place.clone()];
    let mut found: Vec<_> = TOKEN_PREFIXES
        .into_iter()
        .flat_map(|prefix| within.match_indices(prefix))
        .filter_map(|(start, prefix)| {
            let rest = &within[start + prefix.len()..];
            let length = rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let start = place.start + start;
            (length >= TOKEN_LENGTH).then(|| start..start + prefix.len() + length)
        })
        .collect();
    found.sort_by_key(|range| range.start);
    found
}

/// A piece of a text, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Letters, digits and underscores.
    Word,
    /// Something between quotes or dollars.
    Quoted {
        closed: bool,
    },
    /// A space or a comment.
    Blank,
    /// The semicolon behind a statement.
    End,
    Other,
}

impl Kind {
    fn is_text(self) -> bool {
        matches!(self, Self::Quoted { .. })
    }
}

/// The kind and the length of what `rest` starts with; `None` where nothing is left.
fn lexeme(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    let span = |of: fn(char) -> bool| rest.find(|next: char| !of(next)).unwrap_or(rest.len());
    let until = |end: &str, from: usize| rest[from..].find(end).map(|at| from + at + end.len());
    Some(match first {
        ';' => (Kind::End, 1),
        '\'' | '"' | '`' => quoted(closing_quote(rest, first), rest),
        '$' => match dollar_tag(rest) {
            Some(tag) => quoted(until(tag, tag.len()), rest),
            None => (Kind::Other, 1),
        },
        '-' if rest.starts_with("--") => (Kind::Blank, until("\n", 2).unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Kind::Blank, block_comment(rest)),
        _ if first.is_whitespace() => (Kind::Blank, span(char::is_whitespace)),
        _ if is_word(first) => (Kind::Word, span(is_word)),
        _ => (Kind::Other, first.len_utf8()),
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where the text that `rest` starts with ends; a quote within it is written twice.
fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        at += rest[at..].find(quote)? + 1;
        if !rest[at..].starts_with(quote) {
            return Some(at);
        }
        at += 1;
    }
}

fn quoted(end: Option<usize>, rest: &str) -> (Kind, usize) {
    (Kind::Quoted { closed: end.is_some() }, end.unwrap_or(rest.len()))
}

/// `$$` or `$word$`, where `rest` starts with one.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = 1 + rest[1..].find(|next: char| !is_word(next))?;
    rest[end..].starts_with('$').then(|| &rest[..=end])
}

/// The length of the comment that `rest` starts with; comments may hold comments.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = rest[at..].find(['*', '/']).map(|found| at + found) {
        if rest[next..].starts_with("/*") {
            depth += 1;
            at = next + 2;
        } else if rest[next..].starts_with("*/") {
            depth -= 1;
            at = next + 2;
            if depth == 0 {
                return at;
            }
        } else {
            at = next + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_covered_whatever_is_wrong_around_it() {
        for text in [
            "ALTER USER alice SET PASSWORD 'hunter22'",
            "alter service bot set password 'hunter22' oops",
            "ALTER USER alice SET PASWORD 'hunter22'",
            "ALTER USER alice PASSWORD 'hunter22'",
            "ALTER USER alice SET PASSWORD hunter22",
            "ALTER USER alice SET PASSWORD \"hunter22\"",
            "ALTER USER alice SET PASSWORD = 'hunter22'",
            "ALTER USER alice SET PASSWORD $$hunter22$$",
            "ALTER USER alice SET PASSWORD 'hunter22",
            "ALTER USER alice 'hunter22'",
            "ALTR USER alice SET PASSWORD 'hunter22'",
            "CREATE USER alice WITH PASSWORD 'hunter22'",
            "CREATE USER alice IDENTIFIED BY 'hunter22'",
            "SET PASSWORD = 'hunter22'",
            "SELECT 1; ALTER /* who */ USER alice -- what\nSET PASSWORD 'hunter22'; SELECT 2",
            "ALTER USER alice SET PASSWORD 'it's hunter22'",
            "ALTER USER alice SET PASSWORD 'it's;hunter22'; SELECT 'x",
            "ALTER USER alice SET PASSWORD 'a;hunter22';",
            "ALTR USER alice SET PASSWORD 'it''s hunter22'",
            "SELECT 'open; ALTER USER alice SET PASSWORD 'hunter22'",
        ] {
            let concealed = conceal(text);
            assert!(!concealed.contains("hunter22"), "{concealed}");
            assert_eq!(concealed.len(), text.len());
            assert!(!redact(text).contains("hunter22"), "{}", redact(text));
        }
    }

    #[test]
    fn a_record_tells_who_and_not_how_long() {
        for (text, expected) in [
            ("ALTER USER alice SET PASSWORD 'hunter22'", "ALTER USER alice SET PASSWORD '***'"),
            ("ALTER USER alice SET PASSWORD 'it''s a secret'", "ALTER USER alice SET PASSWORD '***'"),
            ("DROP TOKEN 'slc_0123456789abcdef'", "DROP TOKEN '***'"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        for text in [
            "SELECT 'it''s', \"password\", 'password' FROM t WHERE a = $1 AND password = 'x' -- it's",
            "ALTER USER \"Ann Lee\" DROP PASSWORD",
            "CREATE USER alice; SELECT 'x'",
            "CREATE TOKEN FOR alice EXPIRES '2027-01-01'",
            "SELECT 'slc_' || code, sll_short FROM t",
            "/* /* ' */ ALTER USER a SET PASSWORD 'x' */ SELECT 1",
            "SELECT 'größe",
        ] {
            assert!(matches!(conceal(text), Cow::Borrowed(_)), "{}", conceal(text));
        }
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "ALTER USER a SET PASSWORD 'é\nx';\nSELECT 1";
        assert_eq!(conceal(text), "ALTER USER a SET PASSWORD ***\n**;\nSELECT 1");
    }
}
