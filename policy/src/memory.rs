//! What the decisions of former statements have learned, for those that come after them.
//!
//! A decision follows from the policies, the subject and the request, and from nothing else: an [`Authorizer`] never
//! changes, and a subject is remembered with its groups, its domain and its purpose. So what one statement was answered
//! holds for every other one of the same subject under the same authorizer.
//!
//! [`Authorizer`]: crate::Authorizer

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use sluice_model::Subject;

use crate::{
    Decision,
    decisions::{Known, Question, Target},
    evaluator::Slice,
    index::PolicyNumber,
};

/// How much is remembered in all, as [`Memory::size`] counts.
const MOST: usize = 1 << 16;
/// How much one statement may leave.
const MOST_OF_ONE: usize = 1 << 12;
/// How long the purpose may be of a subject that is remembered, in bytes.
const LONGEST_PURPOSE: usize = 1 << 10;

/// What was decided on behalf of one subject.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) slices: HashMap<Vec<PolicyNumber>, Arc<Slice>>,
    pub(crate) known: HashMap<Target<'static>, Known>,
    pub(crate) answers: HashMap<Question<'static>, Arc<Decision>>,
    /// Whether some policy could not be evaluated. That may be for want of stack, which is no property of the request.
    pub(crate) failed: bool,
}

impl Memory {
    /// How many targets, answers and policies it holds; each slice has copies of its policies.
    fn size(&self) -> usize {
        let slices: usize = self.slices.keys().map(|policies| 1 + policies.len()).sum();
        slices + self.known.len() + self.answers.len()
    }

    fn is_worth_keeping(&self) -> bool {
        !self.failed && (1..=MOST_OF_ONE).contains(&self.size())
    }
}

/// The memories that no statement uses. Each statement has one to itself, so that none waits for another.
#[derive(Debug, Default)]
pub(crate) struct Memories(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    of: HashMap<Subject, Vec<Memory>>,
    size: usize,
}

impl Memories {
    /// A memory of `subject`'s; an empty one where there is none.
    pub(crate) fn take(&self, subject: &Subject) -> Memory {
        let mut kept = self.0.lock();
        let Some(memory) = kept.of.get_mut(subject).and_then(Vec::pop) else {
            return Memory::default();
        };
        if kept.of.get(subject).is_some_and(Vec::is_empty) {
            kept.of.remove(subject);
        }
        kept.size -= memory.size();
        memory
    }

    /// Keeps what a statement of `subject`'s leaves. Where there is no room, everything is forgotten.
    pub(crate) fn keep(&self, subject: &Subject, memory: Memory) {
        if !memory.is_worth_keeping() || subject.purpose.len() > LONGEST_PURPOSE {
            return;
        }
        let size = memory.size();
        let mut kept = self.0.lock();
        if kept.size + size > MOST {
            *kept = Kept::default();
        }
        kept.size += size;
        kept.of.entry(subject.clone()).or_default().push(memory);
    }
}
