//! How many bytes one statement may answer.

/// The answer is larger than a statement's answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is larger than the {limit_bytes} bytes that one statement may answer")]
pub(crate) struct OverBudget {
    /// How large it may be.
    pub(crate) limit_bytes: u64,
}

/// What is left of the bytes that one statement may answer.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit_bytes: Option<u64>,
    spent_bytes: u64,
}

impl ByteBudget {
    /// A budget of `limit_bytes`; `None` for one that never ends.
    pub(crate) fn new(limit_bytes: Option<u64>) -> Self {
        Self { limit_bytes, spent_bytes: 0 }
    }

    /// Takes `bytes`, before they are sent.
    ///
    /// # Errors
    /// [`OverBudget`] where they and what was taken before are more than the limit; from then on always.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<(), OverBudget> {
        self.spent_bytes = self.spent_bytes.saturating_add(bytes);
        match self.limit_bytes {
            Some(limit_bytes) if self.spent_bytes > limit_bytes => Err(OverBudget { limit_bytes }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_may_be_spent_and_none_after_it() {
        let mut budget = ByteBudget::new(Some(10));
        assert_eq!(budget.spend(4), Ok(()));
        assert_eq!(budget.spend(6), Ok(()));
        assert_eq!(budget.spend(1), Err(OverBudget { limit_bytes: 10 }));
    }

    #[test]
    fn a_budget_once_exceeded_stays_exceeded() {
        let mut budget = ByteBudget::new(Some(10));
        assert!(budget.spend(u64::MAX).is_err());
        assert!(budget.spend(u64::MAX).is_err());
        assert!(budget.spend(0).is_err());
    }

    #[test]
    fn without_a_limit_everything_may_be_spent() {
        let mut budget = ByteBudget::new(None);
        assert_eq!(budget.spend(u64::MAX), Ok(()));
        assert_eq!(budget.spend(u64::MAX), Ok(()));
    }
}
