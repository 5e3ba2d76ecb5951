//! Tags: the classification that a column carries.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A classification: a dotted, lower-case name such as `pii.email`.
///
/// A tag is *under* every prefix of it that ends at a dot, and under itself: what is granted on `pii` covers
/// `pii.email`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tag name: expected letters, digits and underscores, in parts joined by dots")]
pub struct TagError(String);

impl Tag {
    /// The tag whose `READ` everyone is granted when an installation is created.
    pub const PUBLIC: &str = "public";
    /// The tag that a column without any other carries by itself. It cannot be set by hand.
    pub const UNCLASSIFIED: &str = "unclassified";

    /// The tag spelled `text`, folded to lower case.
    ///
    /// # Errors
    /// [`TagError`] unless `text` is made of non-empty parts of letters, digits and underscores, joined by dots.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let well_formed =
            text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'));
        if well_formed { Ok(Self(text.to_lowercase().into())) } else { Err(TagError(text.to_owned())) }
    }

    /// The tag `public`.
    pub fn public() -> Self {
        Self(Self::PUBLIC.into())
    }

    /// The tag `unclassified`.
    pub fn unclassified() -> Self {
        Self(Self::UNCLASSIFIED.into())
    }

    /// The dotted name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this tag is `ancestor` or stands below it.
    pub fn is_under(&self, ancestor: &Self) -> bool {
        self.0.strip_prefix(&*ancestor.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The tags strictly above this one, nearest first: `pii.email.work` gives `pii.email`, `pii`.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.rmatch_indices('.').map(|(dot, _)| Self(self.0[..dot].into()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.to_string()
    }
}

/// What happens when a tag flows indirectly to somebody without `USE` on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum IndirectRule {
    /// The statement is refused.
    #[default]
    Deny,
    /// The statement passes and the flow is recorded.
    Audit,
    /// The statement passes.
    Ignore,
}

impl IndirectRule {
    /// The word used in SQL and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "DENY",
            Self::Audit => "AUDIT",
            Self::Ignore => "IGNORE",
        }
    }

    /// The rule that `word` names, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Deny, Self::Audit, Self::Ignore].into_iter().find(|rule| rule.as_str().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_under_its_prefixes_at_dots_only() {
        let email = Tag::parse("PII.Email").unwrap();
        assert_eq!(email.as_str(), "pii.email");
        assert!(email.is_under(&Tag::parse("pii").unwrap()));
        assert!(email.is_under(&email));
        assert!(!email.is_under(&Tag::parse("pii.e").unwrap()));
        assert!(!Tag::parse("pii").unwrap().is_under(&email));
        let ancestors: Vec<_> = Tag::parse("a.b.c").unwrap().ancestors().map(String::from).collect();
        assert_eq!(ancestors, ["a.b", "a"]);
    }

    #[test]
    fn malformed_tags_are_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a b", "a-b", "a'b"] {
            assert!(Tag::parse(text).is_err(), "{text:?}");
        }
        assert!(Tag::parse("größe.übung_2").is_ok());
    }
}
