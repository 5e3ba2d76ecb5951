//! The rules of propagation, by name.
//!
//! A rule is a line of the table in the user's guide, cut as fine as it can be broken. This crate's tests switch
//! every single one off and see a case fail; nothing outside them can switch one off.

/// One rule of propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Rule {
    ScanDirect,
    ScanIndirect,
    ScanRows,
    ScanUnclassified,
    ScalarArguments,
    CaseConditions,
    CaseBranches,
    LambdaCaptures,
    FilterRows,
    JoinCondition,
    JoinOtherRows,
    OuterJoinNulls,
    FullUsingColumns,
    MarkColumn,
    LateralScope,
    AggregateArguments,
    AggregateKeysOnValues,
    AggregateKeysOnRows,
    AggregateFilter,
    AggregateOrder,
    AggregateRowsOnValues,
    GroupingSetKeys,
    WindowArguments,
    WindowPartition,
    WindowOrder,
    WindowFilter,
    WindowRowsOnValues,
    WindowOrderOnRows,
    SortKeys,
    LimitCount,
    DistinctColumns,
    DistinctOnValues,
    UnionDirect,
    UnionIndirect,
    UnionRows,
    ScalarSubqueryValue,
    ScalarSubqueryRows,
    ScalarSubqueryCorrelation,
    ScalarSubqueryJoin,
    ExistsRows,
    ExistsCorrelation,
    InCompared,
    InRows,
    InCorrelation,
    QuantifiedCompared,
    QuantifiedRows,
    QuantifiedCorrelation,
    UnnestContainer,
    UnnestRows,
    RecursionStep,
    RecursionColumns,
    ValuesExpressions,
}

impl Rule {
    /// Every rule, in the order of the table.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 52] = [
        Self::ScanDirect,
        Self::ScanIndirect,
        Self::ScanRows,
        Self::ScanUnclassified,
        Self::ScalarArguments,
        Self::CaseConditions,
        Self::CaseBranches,
        Self::LambdaCaptures,
        Self::FilterRows,
        Self::JoinCondition,
        Self::JoinOtherRows,
        Self::OuterJoinNulls,
        Self::FullUsingColumns,
        Self::MarkColumn,
        Self::LateralScope,
        Self::AggregateArguments,
        Self::AggregateKeysOnValues,
        Self::AggregateKeysOnRows,
        Self::AggregateFilter,
        Self::AggregateOrder,
        Self::AggregateRowsOnValues,
        Self::GroupingSetKeys,
        Self::WindowArguments,
        Self::WindowPartition,
        Self::WindowOrder,
        Self::WindowFilter,
        Self::WindowRowsOnValues,
        Self::WindowOrderOnRows,
        Self::SortKeys,
        Self::LimitCount,
        Self::DistinctColumns,
        Self::DistinctOnValues,
        Self::UnionDirect,
        Self::UnionIndirect,
        Self::UnionRows,
        Self::ScalarSubqueryValue,
        Self::ScalarSubqueryRows,
        Self::ScalarSubqueryCorrelation,
        Self::ScalarSubqueryJoin,
        Self::ExistsRows,
        Self::ExistsCorrelation,
        Self::InCompared,
        Self::InRows,
        Self::InCorrelation,
        Self::QuantifiedCompared,
        Self::QuantifiedRows,
        Self::QuantifiedCorrelation,
        Self::UnnestContainer,
        Self::UnnestRows,
        Self::RecursionStep,
        Self::RecursionColumns,
        Self::ValuesExpressions,
    ];
}

/// The rules that are in force: all of them, but for this crate's own tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuleSet {
    #[cfg(test)]
    off: Option<Rule>,
}

impl RuleSet {
    pub(crate) fn all() -> Self {
        Self {
            #[cfg(test)]
            off: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn without(rule: Rule) -> Self {
        Self { off: Some(rule) }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the tests' version looks at itself")]
    pub(crate) const fn contains(self, _rule: Rule) -> bool {
        true
    }

    #[cfg(test)]
    pub(crate) fn contains(self, rule: Rule) -> bool {
        self.off != Some(rule)
    }
}
