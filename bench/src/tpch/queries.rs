//! The queries.

/// A TPC-H query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Its number, from 1.
    pub number: usize,
    /// Its text, one statement over the tables of the schema `tpch`.
    pub text: &'static str,
}

impl Query {
    /// Whether the rows come in an order that the text demands.
    pub fn is_ordered(&self) -> bool {
        // Outside parentheses: a line that starts there.
        self.text.lines().any(|line| line.starts_with("ORDER BY"))
    }
}

macro_rules! queries {
    ($($number:literal)*) => {
        [$(Query {
            number: $number,
            text: include_str!(concat!("../../../datasets/tpch/queries/q", $number, ".sql")),
        }),*]
    };
}

/// The 22 queries, in order.
pub const QUERIES: [Query; 22] = queries!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22);

#[cfg(test)]
mod tests {
    use super::QUERIES;

    #[test]
    fn queries_without_an_order_are_known() {
        let unordered: Vec<_> = QUERIES.iter().filter(|query| !query.is_ordered()).map(|query| query.number).collect();
        assert_eq!(unordered, [6, 14, 17, 19]);
    }
}
