//! How much memory rows hold, and shares of what all statements have together.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow::array::RecordBatch;
use datafusion::{
    common::utils::memory::get_record_batch_memory_size,
    error::DataFusionError,
    execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation},
};

use crate::Engine;

/// How much memory `rows` hold, in bytes. Buffers that several columns share count once.
pub fn held_bytes(rows: &RecordBatch) -> usize {
    /// What an array takes beside its buffers, about.
    const ARRAY: usize = 256;
    let arrays = 1 + rows.schema_ref().flattened_fields().len();
    get_record_batch_memory_size(rows).saturating_add(ARRAY * arrays)
}

/// A part of the engine's memory that some statements may use together and not exceed.
///
/// What they use counts for the whole as well: a share is a bound, not a reservation.
#[derive(Debug, Clone)]
pub struct MemoryShare(Arc<dyn MemoryPool>);

impl MemoryShare {
    /// At most `bytes` of the memory of `engine`.
    pub fn new(engine: &Engine, bytes: usize) -> Self {
        Self(Arc::new(Share { whole: engine.context().memory(), limit: bytes, used: AtomicUsize::new(0) }))
    }

    /// How much is in use, in bytes.
    pub fn used(&self) -> usize {
        self.0.reserved()
    }

    pub(crate) fn pool(&self) -> &Arc<dyn MemoryPool> {
        &self.0
    }
}

#[derive(Debug)]
struct Share {
    whole: Arc<dyn MemoryPool>,
    limit: usize,
    used: AtomicUsize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share({} of {} bytes)", self.used.load(Ordering::Relaxed), self.limit)
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.whole.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.whole.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
        self.whole.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
        self.whole.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<(), DataFusionError> {
        let fits = |used: usize| used.checked_add(additional).filter(|wanted| *wanted <= self.limit);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            // The operator spills, or the statement ends with an error that says so.
            return Err(DataFusionError::ResourcesExhausted("the share of the memory is used up".to_owned()));
        }
        self.whole.try_grow(reservation, additional).inspect_err(|_| {
            self.used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}
