//! DataFusion by itself, set up as the engine sets it up.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use datafusion::{
    catalog::{MemorySchemaProvider, SchemaProvider},
    datasource::{
        file_format::parquet::ParquetFormat,
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    execution::{
        SendableRecordBatchStream, SessionState, SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::FairSpillPool,
        runtime_env::RuntimeEnvBuilder,
    },
    prelude::{SessionConfig, SessionContext},
};
use sluice_bench::tpch::Table;
use sluice_engine::Settings;

/// A DataFusion session over the TPC-H tables, without Sluice.
pub(crate) struct Plain {
    context: SessionContext,
}

impl Plain {
    /// A session with the settings that a home's engine has, over the files in `data`.
    pub(crate) async fn open(settings: &Settings, spill: &Path, data: &Path) -> anyhow::Result<Self> {
        let context = SessionContext::new_with_state(state(settings, spill)?);
        let schema = MemorySchemaProvider::new();
        for table in Table::ALL {
            let provider = open_table(&context.state(), &data.join(table.file_name())).await?;
            schema.register_table(table.name().to_owned(), Arc::new(provider))?;
        }
        let catalog = context.catalog("datafusion").context("a new session has a catalog")?;
        catalog.register_schema("tpch", Arc::new(schema))?;
        Ok(Self { context })
    }

    /// Starts the query that `text` is, from text to rows.
    #[expect(clippy::disallowed_methods, reason = "the plain session is what the governed one is measured against")]
    pub(crate) async fn start(&self, text: &str) -> anyhow::Result<SendableRecordBatchStream> {
        Ok(self.context.sql(text).await?.execute_stream().await?)
    }
}

/// As `sluice_engine` makes its own state: what differs here would be measured as a cost of governance.
fn state(settings: &Settings, spill: &Path) -> anyhow::Result<SessionState> {
    let mut config = SessionConfig::new().with_information_schema(false);
    if settings.target_partitions > 0 {
        config = config.with_target_partitions(settings.target_partitions);
    }
    let memory = settings.memory_limit_mb.max(16) * 1024 * 1024;
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![spill.to_path_buf()])),
        )
        .build_arc()?;
    Ok(SessionStateBuilder::new_with_default_features().with_config(config).with_runtime_env(runtime).build())
}

/// As `sluice_catalog` opens an external table.
async fn open_table(state: &SessionState, file: &Path) -> anyhow::Result<ListingTable> {
    let format = ParquetFormat::default().with_options(state.default_table_options().parquet);
    let options = ListingOptions::new(Arc::new(format)).with_file_extension("");
    let location = ListingTableUrl::parse(file.to_string_lossy())?;
    let schema = options.infer_schema(state, &location).await?;
    let config = ListingTableConfig::new(location).with_listing_options(options).with_schema(schema);
    let cache = state.runtime_env().cache_manager.get_file_statistic_cache();
    Ok(ListingTable::try_new(config)?.with_cache(cache))
}
