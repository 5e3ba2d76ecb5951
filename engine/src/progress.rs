//! How far the statements of a session have come.

use std::sync::Arc;

use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    datasource::{physical_plan::FileScanConfig, source::DataSourceExec},
    error::Result,
    physical_plan::{ExecutionPlan, metrics::ExecutionPlanMetricsSet},
};
use parking_lot::Mutex;

/// How much of the files that statements read they have read.
///
/// It is told of statements that write, and only where their starter may use every tag of every table that is read: files
/// are left out by what their columns hold.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<Vec<Scan>>>);

/// Files that a plan reads. What it computes from them is not held here.
#[derive(Debug)]
struct Scan {
    files: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl Progress {
    /// The share of the files that have been read, from 0 to 1; `None` while there are none, or none that may be told of.
    /// It falls when a statement begins to read more.
    pub fn share(&self) -> Option<f64> {
        let scans = self.0.lock();
        let files: usize = scans.iter().map(|scan| scan.files).sum();
        let read: usize = scans.iter().map(Scan::read).sum();
        #[expect(clippy::cast_precision_loss, reason = "a share of files is told to a few digits")]
        (files > 0).then(|| read.min(files) as f64 / files as f64)
    }

    /// Watches `plan` from here on too.
    pub(crate) fn follow(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
        let mut scans = self.0.lock();
        plan.apply(|node| {
            let source = node.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
            if let Some(scan) = source.and_then(|source| source.downcast_ref::<FileScanConfig>()) {
                let files = scan.file_groups.iter().map(|group| group.len()).sum();
                scans.push(Scan { files, metrics: scan.file_source.metrics().clone() });
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }
}

impl Scan {
    fn read(&self) -> usize {
        self.metrics.clone_inner().sum_by_name("files_processed").map_or(0, |read| read.as_usize())
    }
}
