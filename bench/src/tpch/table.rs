//! The eight tables.

use std::fmt;

use arrow::record_batch::RecordBatchReader;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow, SupplierArrow,
};

/// A table of TPC-H.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// 5 rows at any scale.
    Region,
    /// 25 rows at any scale.
    Nation,
    /// 10,000 rows at scale 1.
    Supplier,
    /// 150,000 rows at scale 1.
    Customer,
    /// 200,000 rows at scale 1.
    Part,
    /// 800,000 rows at scale 1.
    PartSupp,
    /// 1,500,000 rows at scale 1.
    Orders,
    /// About 6,000,000 rows at scale 1.
    LineItem,
}

impl Table {
    /// Every table, the smallest first.
    pub const ALL: [Self; 8] = [
        Self::Region,
        Self::Nation,
        Self::Supplier,
        Self::Customer,
        Self::Part,
        Self::PartSupp,
        Self::Orders,
        Self::LineItem,
    ];

    /// The name, without the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Nation => "nation",
            Self::Supplier => "supplier",
            Self::Customer => "customer",
            Self::Part => "part",
            Self::PartSupp => "partsupp",
            Self::Orders => "orders",
            Self::LineItem => "lineitem",
        }
    }

    /// The name of the file that holds the table.
    pub fn file_name(self) -> String {
        format!("{self}.parquet")
    }

    /// The rows at `scale`, made as they are asked for.
    pub fn rows(self, scale: f64) -> Box<dyn RecordBatchReader + Send> {
        match self {
            Self::Region => Box::new(RegionArrow::new(RegionGenerator::new(scale, 1, 1))),
            Self::Nation => Box::new(NationArrow::new(NationGenerator::new(scale, 1, 1))),
            Self::Supplier => Box::new(SupplierArrow::new(SupplierGenerator::new(scale, 1, 1))),
            Self::Customer => Box::new(CustomerArrow::new(CustomerGenerator::new(scale, 1, 1))),
            Self::Part => Box::new(PartArrow::new(PartGenerator::new(scale, 1, 1))),
            Self::PartSupp => Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, 1, 1))),
            Self::Orders => Box::new(OrderArrow::new(OrderGenerator::new(scale, 1, 1))),
            Self::LineItem => Box::new(LineItemArrow::new(LineItemGenerator::new(scale, 1, 1))),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
