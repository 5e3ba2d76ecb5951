//! Labels: sets of tags, each with the place where it came from.
//!
//! A statement meets few distinct elements, and joins labels thousands of times. So each statement numbers its
//! elements once in an [`Elements`] table, and a [`Label`] is a set of those numbers, kept as bits.

use std::{collections::HashMap, fmt, hash::Hash, sync::Arc};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{ColumnName, TableName, Tag};

/// Where a tag first came from: a column, or a table's row label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// The table that carries or carried the tag.
    pub table: TableName,
    /// The column that carries it; `None` where it stands on the table's rows.
    pub column: Option<Arc<str>>,
}

impl Origin {
    /// The column spelled `column` of `table`.
    pub fn column(table: &TableName, column: impl Into<Arc<str>>) -> Self {
        Self { table: table.clone(), column: Some(column.into()) }
    }

    /// The rows of `table`.
    pub fn rows(table: &TableName) -> Self {
        Self { table: table.clone(), column: None }
    }
}

impl From<ColumnName> for Origin {
    fn from(name: ColumnName) -> Self {
        Self { table: name.table, column: Some(name.column) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{}.{}", self.table, crate::quote_identifier(column)),
            None => self.table.fmt(f),
        }
    }
}

/// A tag together with where it came from: `pii.email @ crm.users.email`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Element {
    /// The tag.
    pub tag: Tag,
    /// Where it first came from.
    pub origin: Origin,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} @ {}", self.tag, self.origin)
    }
}

/// The number of an element within one [`Elements`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId(pub u32);

/// The elements that one statement meets, numbered from zero in the order of meeting.
#[derive(Debug, Clone)]
pub struct Elements<E = Element> {
    list: Vec<E>,
    ids: HashMap<E, ElementId>,
}

impl<E> Default for Elements<E> {
    fn default() -> Self {
        Self { list: Vec::new(), ids: HashMap::new() }
    }
}

impl<E: Clone + Eq + Hash> Elements<E> {
    /// The number of `element`, new if it has not been met.
    pub fn intern(&mut self, element: &E) -> ElementId {
        if let Some(id) = self.ids.get(element) {
            return *id;
        }
        // A statement with more than 2^32 elements would have exhausted memory long before.
        #[allow(clippy::cast_possible_truncation, reason = "bounded by memory")]
        let id = ElementId(self.list.len() as u32);
        self.list.push(element.clone());
        self.ids.insert(element.clone(), id);
        id
    }

    /// The element numbered `id`.
    ///
    /// # Panics
    /// When `id` comes from another table and is out of range.
    pub fn get(&self, id: ElementId) -> &E {
        &self.list[id.0 as usize]
    }

    /// All elements, in the order in which they were met.
    pub fn all(&self) -> &[E] {
        &self.list
    }

    /// The elements of `label`, in the order in which they were met.
    pub fn of<'a>(&'a self, label: &'a Label) -> impl Iterator<Item = &'a E> + 'a {
        label.iter().map(|id| self.get(id))
    }
}

/// A set of elements. Labels of one statement join by union; the label of a literal is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Label {
    // INVARIANT: the last word is not zero, so that equal sets are equal values.
    words: SmallVec<[u64; 2]>,
}

impl Label {
    /// The empty label.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds every element of `other`.
    pub fn join(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// This label joined with `other`.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Self {
        self.join(other);
        self
    }

    /// Adds one element.
    pub fn insert(&mut self, id: ElementId) {
        let word = id.0 as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (id.0 % 64);
    }

    /// Whether the element is in this label.
    pub fn contains(&self, id: ElementId) -> bool {
        self.words.get(id.0 as usize / 64).is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    /// Whether nothing is in this label.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many elements are in this label.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The elements' numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = ElementId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                // Fits: an element's number was a u32 when it was inserted.
                #[allow(clippy::cast_possible_truncation, reason = "an inserted number fits")]
                Some(ElementId(index as u32 * 64 + bit))
            })
        })
    }
}

impl FromIterator<ElementId> for Label {
    fn from_iter<I: IntoIterator<Item = ElementId>>(ids: I) -> Self {
        let mut label = Self::empty();
        for id in ids {
            label.insert(id);
        }
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(ids: &[u32]) -> Label {
        ids.iter().map(|id| ElementId(*id)).collect()
    }

    #[test]
    fn join_is_a_semilattice() {
        let (a, b, c) = (label(&[0, 70]), label(&[3, 64]), label(&[200]));
        assert_eq!(a.clone().joined(&b), b.clone().joined(&a));
        assert_eq!(a.clone().joined(&b).joined(&c), a.clone().joined(&b.clone().joined(&c)));
        assert_eq!(a.clone().joined(&a), a);
        assert_eq!(a.clone().joined(&Label::empty()), a);
    }

    #[test]
    fn a_label_lists_what_was_put_in() {
        let ids = [0, 1, 63, 64, 127, 128, 4000];
        let label = label(&ids);
        assert_eq!(label.iter().map(|id| id.0).collect::<Vec<_>>(), ids);
        assert_eq!(label.len(), ids.len());
        assert!(label.contains(ElementId(64)) && !label.contains(ElementId(65)));
    }
}
