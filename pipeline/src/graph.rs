//! Which stage comes after which. Nothing here knows what a stage is: a node is its position in the file.

use std::collections::BTreeSet;

/// An order in which every stage comes after the stages that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    needs: Vec<BTreeSet<usize>>,
    order: Vec<usize>,
}

/// Nodes that need one another: each one is needed by the next, and the last one by the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle(pub(crate) Vec<usize>);

impl Graph {
    /// The graph in which node `n` needs the nodes `needs[n]`. What is no node is not needed.
    pub(crate) fn new(mut needs: Vec<BTreeSet<usize>>) -> Result<Self, Cycle> {
        let nodes = needs.len();
        for set in &mut needs {
            set.retain(|need| *need < nodes);
        }
        let mut graph = Self { needs, order: Vec::new() };
        let mut frontier = Frontier::new(&graph);
        let mut order = Vec::with_capacity(nodes);
        while let Some(node) = frontier.start() {
            frontier.finish(node);
            order.push(node);
        }
        if order.len() < nodes {
            return Err(graph.cycle(&order));
        }
        graph.order = order;
        Ok(graph)
    }

    /// This graph, where in addition the first node of each pair needs the second.
    pub(crate) fn with(&self, needs: &[(usize, usize)]) -> Result<Self, Cycle> {
        let mut all = self.needs.clone();
        for (node, need) in needs {
            if let Some(set) = all.get_mut(*node) {
                set.insert(*need);
            }
        }
        Self::new(all)
    }

    /// Every node, each after those that it needs; nodes that could stand in either order keep that of the file.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The nodes that `node` needs directly, ascending.
    pub fn needs(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.needs.get(node).into_iter().flatten().copied()
    }

    /// The nodes by how many steps they are away from the ones that need nothing. Nodes of one level do not need
    /// one another.
    pub fn levels(&self) -> Vec<Vec<usize>> {
        let mut level_of = vec![0; self.needs.len()];
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for &node in &self.order {
            let level = self.needs(node).map(|need| level_of[need] + 1).max().unwrap_or(0);
            level_of[node] = level;
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            levels[level].push(node);
        }
        levels
    }

    /// A cycle among the nodes that are not in `ordered`, of which each one needs another one of them. It starts
    /// with the one that stands first in the file.
    fn cycle(&self, ordered: &[usize]) -> Cycle {
        let left = |node: &usize| !ordered.contains(node);
        let mut path = Vec::new();
        let mut next = (0..self.needs.len()).find(left);
        while let Some(node) = next {
            if let Some(start) = path.iter().position(|seen| *seen == node) {
                path.drain(..start);
                break;
            }
            path.push(node);
            next = self.needs(node).find(left);
        }
        // The walk went from a node to what it needs; told is the way that the data would go.
        path.reverse();
        let first = path.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
        path.rotate_left(first);
        Cycle(path)
    }
}

/// How far the work on a graph has come: which nodes can be started.
#[derive(Debug)]
pub(crate) struct Frontier {
    needed_by: Vec<Vec<usize>>,
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
}

impl Frontier {
    /// Nothing is started yet.
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut needed_by = vec![Vec::new(); graph.needs.len()];
        for (node, needs) in graph.needs.iter().enumerate() {
            for need in needs {
                needed_by[*need].push(node);
            }
        }
        let missing: Vec<usize> = graph.needs.iter().map(BTreeSet::len).collect();
        let ready = (0..missing.len()).filter(|node| missing[*node] == 0).collect();
        Self { needed_by, missing, ready }
    }

    /// Takes a node whose needs are all finished, the first one in the file.
    pub(crate) fn start(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// `node` is done. A node that fails is never finished, and so nothing that needs it is ever ready.
    pub(crate) fn finish(&mut self, node: usize) {
        for &dependent in &self.needed_by[node] {
            self.missing[dependent] -= 1;
            if self.missing[dependent] == 0 {
                self.ready.insert(dependent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(needs: &[&[usize]]) -> Result<Graph, Cycle> {
        Graph::new(needs.iter().map(|needs| needs.iter().copied().collect()).collect())
    }

    #[test]
    fn a_diamond_has_three_levels() {
        let diamond = graph(&[&[], &[0], &[0], &[1, 2]]).unwrap();
        assert_eq!(diamond.order(), [0, 1, 2, 3]);
        assert_eq!(diamond.levels(), [vec![0], vec![1, 2], vec![3]]);
    }

    #[test]
    fn the_order_follows_needs_and_not_the_file() {
        let backwards = graph(&[&[1], &[2], &[]]).unwrap();
        assert_eq!(backwards.order(), [2, 1, 0]);
        assert_eq!(backwards.levels(), [vec![2], vec![1], vec![0]]);
    }

    #[test]
    fn nodes_without_needs_stand_side_by_side_in_the_order_of_the_file() {
        let apart = graph(&[&[], &[], &[]]).unwrap();
        assert_eq!(apart.order(), [0, 1, 2]);
        assert_eq!(apart.levels(), [vec![0, 1, 2]]);
    }

    #[test]
    fn a_level_counts_the_longest_way() {
        let chain_and_shortcut = graph(&[&[], &[0], &[0, 1]]).unwrap();
        assert_eq!(chain_and_shortcut.levels(), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn a_cycle_is_told_in_the_direction_of_the_data_without_what_hangs_on_it() {
        // 0 is fed by the cycle 1 → 3 → 2 → 1; 4 stands apart.
        let cycle = graph(&[&[1], &[2], &[3], &[1], &[]]).unwrap_err();
        assert_eq!(cycle, Cycle(vec![1, 3, 2]));
    }

    #[test]
    fn a_node_that_needs_itself_is_a_cycle_of_one() {
        assert_eq!(graph(&[&[], &[0, 1]]).unwrap_err(), Cycle(vec![1]));
    }

    #[test]
    fn a_need_that_is_added_can_close_a_cycle() {
        let chain = graph(&[&[], &[0]]).unwrap();
        assert_eq!(chain.with(&[(1, 0)]).unwrap(), chain);
        assert_eq!(chain.with(&[(0, 1)]).unwrap_err(), Cycle(vec![0, 1]));
    }

    #[test]
    fn a_node_is_ready_once_all_that_it_needs_is_finished() {
        let diamond = graph(&[&[], &[0], &[0], &[1, 2]]).unwrap();
        let mut frontier = Frontier::new(&diamond);
        assert_eq!((frontier.start(), frontier.start()), (Some(0), None));
        frontier.finish(0);
        assert_eq!((frontier.start(), frontier.start(), frontier.start()), (Some(1), Some(2), None));
        frontier.finish(2);
        assert_eq!(frontier.start(), None);
        frontier.finish(1);
        assert_eq!((frontier.start(), frontier.start()), (Some(3), None));
    }

    #[test]
    fn what_needs_a_failed_node_never_becomes_ready() {
        let forked = graph(&[&[], &[], &[0], &[1]]).unwrap();
        let mut frontier = Frontier::new(&forked);
        assert_eq!((frontier.start(), frontier.start()), (Some(0), Some(1)));
        frontier.finish(1);
        assert_eq!((frontier.start(), frontier.start()), (Some(3), None));
    }
}
