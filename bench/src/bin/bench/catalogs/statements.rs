//! Statements over tables that no earlier one named.

use super::tables::table_name;

/// How far apart the tables of one statement and the next are: prime, so that all are met in time, and large, so that
/// neighbours in the store are not.
const STRIDE: usize = 611_953;

/// An endless sequence of statements over two tables each; the tables repeat when all have been named.
pub(super) struct Statements {
    tables: usize,
    next: usize,
}

impl Statements {
    /// Statements over the first `tables` tables; each round has others, as long as there are any.
    pub(super) fn new(tables: usize, round: usize) -> Self {
        Self { tables, next: round * 1000 }
    }

    pub(super) fn next(&mut self) -> String {
        let (left, right) = (self.table(), self.table());
        format!(
            "SELECT l.c02, count(*) AS found, max(r.c05) AS most FROM {left} AS l JOIN {right} AS r ON l.c00 = r.c00 \
             WHERE l.c04 > 10 GROUP BY l.c02 ORDER BY l.c02"
        )
    }

    fn table(&mut self) -> String {
        let number = self.next * (STRIDE % self.tables) % self.tables;
        self.next += 1;
        table_name(number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Statements;

    #[test]
    fn no_table_is_named_twice_before_all_are() {
        for tables in [100, 1_000_000] {
            let mut statements = Statements::new(tables, 3);
            let named: HashSet<_> = (0..100).map(|_| statements.table()).collect();
            assert_eq!(named.len(), 100);
        }
    }
}
