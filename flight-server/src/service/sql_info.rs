//! What the server can do, in the codes that drivers ask for.

use std::{collections::BTreeMap, sync::LazyLock};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedGroupBy, SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries,
    SqlSupportedTransaction, SqlSupportedUnions, SqlTransactionIsolationLevel, SupportedSqlGrammar,
    metadata::{SqlInfoData, SqlInfoDataBuilder},
};
use tonic::Status;

use super::statement;
use crate::{handles, status};

/// Words that SQL of this server has and the standard has not.
const KEYWORDS: &[&str] = &[
    "APPROVE",
    "AUDIT",
    "CEDAR",
    "CLASSIFY",
    "GOVERNANCE",
    "LINEAGE",
    "OVERWRITE",
    "POLICY",
    "TAG",
    "UNCLASSIFIED",
    "UNSET",
];
const NUMERIC: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cot", "degrees", "exp", "floor", "ln", "log", "log10",
    "log2", "pi", "power", "radians", "random", "round", "signum", "sin", "sqrt", "tan", "trunc",
];
const STRING: &[&str] = &[
    "ascii",
    "bit_length",
    "btrim",
    "char_length",
    "chr",
    "concat",
    "concat_ws",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "octet_length",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "to_hex",
    "translate",
    "trim",
    "upper",
];
const DATETIME: &[&str] = &[
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "from_unixtime",
    "make_date",
    "now",
    "to_char",
    "to_date",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_seconds",
];

static WRITABLE: LazyLock<Option<SqlInfoData>> = LazyLock::new(|| data(false));
static READ_ONLY: LazyLock<Option<SqlInfoData>> = LazyLock::new(|| data(true));

/// The columns of the answer.
pub(super) fn schema() -> SchemaRef {
    std::sync::Arc::new(SqlInfoDataBuilder::schema().clone())
}

/// The codes that `ask` names, or all.
pub(super) fn answer(ask: &CommandGetSqlInfo, read_only: bool) -> Result<RecordBatch, Status> {
    let data = if read_only { &*READ_ONLY } else { &*WRITABLE };
    let data = data.as_ref().ok_or_else(unwritable)?;
    data.record_batch(ask.info.iter().copied()).map_err(|_| unwritable())
}

fn unwritable() -> Status {
    status::internal("what the server can do cannot be written")
}

/// A set of numbered things, one bit each.
fn bits(set: &[i32]) -> i32 {
    set.iter().fold(0, |mask, bit| mask | (1 << bit))
}

fn data(read_only: bool) -> Option<SqlInfoData> {
    let mut builder = SqlInfoDataBuilder::new();
    server(&mut builder, read_only);
    language(&mut builder);
    names(&mut builder);
    limits(&mut builder);
    results(&mut builder);
    builder.build().ok()
}

fn server(builder: &mut SqlInfoDataBuilder, read_only: bool) {
    builder.append(SqlInfo::FlightSqlServerName, "Sluice");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    builder.append(SqlInfo::FlightSqlServerReadOnly, read_only);
    builder.append(SqlInfo::FlightSqlServerSql, true);
    builder.append(SqlInfo::FlightSqlServerSubstrait, true);
    builder.append(SqlInfo::FlightSqlServerSubstraitMinVersion, "0.20.0");
    builder.append(SqlInfo::FlightSqlServerSubstraitMaxVersion, "0.63.0");
    builder.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    builder.append(SqlInfo::FlightSqlServerCancel, true);
    builder.append(SqlInfo::FlightSqlServerBulkIngestion, !read_only);
    builder.append(SqlInfo::FlightSqlServerIngestTransactionsSupported, false);
    let kept_ms = i32::try_from(handles::LIFETIME.as_millis()).unwrap_or(i32::MAX);
    builder.append(SqlInfo::FlightSqlServerStatementTimeout, kept_ms);
    builder.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
}

fn language(builder: &mut SqlInfoDataBuilder) {
    builder.append(SqlInfo::SqlDdlCatalog, false);
    builder.append(SqlInfo::SqlDdlSchema, true);
    builder.append(SqlInfo::SqlDdlTable, true);
    builder.append(SqlInfo::SqlAllTablesAreSelectable, false);
    builder.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    builder.append(SqlInfo::SqlKeywords, KEYWORDS);
    builder.append(SqlInfo::SqlNumericFunctions, NUMERIC);
    builder.append(SqlInfo::SqlStringFunctions, STRING);
    builder.append(SqlInfo::SqlSystemFunctions, &["arrow_cast", "arrow_typeof", "coalesce", "nullif", "version"][..]);
    builder.append(SqlInfo::SqlDatetimeFunctions, DATETIME);
    builder.append(SqlInfo::SqlSupportsColumnAliasing, true);
    builder.append(SqlInfo::SqlNullPlusNullIsNull, true);
    builder.append(SqlInfo::SqlSupportsConvert, BTreeMap::<i32, Vec<i32>>::new());
    builder.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    builder.append(SqlInfo::SqlSupportsDifferentTableCorrelationNames, false);
    builder.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    builder.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    let group_by =
        [SqlSupportedGroupBy::SqlGroupByUnrelated as i32, SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32];
    builder.append(SqlInfo::SqlSupportedGroupBy, bits(&group_by));
    builder.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    builder.append(SqlInfo::SqlSupportsNonNullableColumns, false);
    let grammar = [SupportedSqlGrammar::SqlMinimumGrammar as i32, SupportedSqlGrammar::SqlCoreGrammar as i32];
    builder.append(SqlInfo::SqlSupportedGrammar, bits(&grammar));
    // Entry and intermediate level; the library does not export the names of these bits.
    builder.append(SqlInfo::SqlAnsi92SupportedLevel, bits(&[0, 1]));
    builder.append(SqlInfo::SqlSupportsIntegrityEnhancementFacility, false);
    builder.append(SqlInfo::SqlOuterJoinsSupportLevel, bits(&[SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32]));
    builder.append(SqlInfo::SqlSupportedPositionedCommands, bits(&[]));
    builder.append(SqlInfo::SqlSelectForUpdateSupported, false);
    builder.append(SqlInfo::SqlStoredProceduresSupported, false);
    let subqueries = [
        SqlSupportedSubqueries::SqlSubqueriesInComparisons as i32,
        SqlSupportedSubqueries::SqlSubqueriesInExists as i32,
        SqlSupportedSubqueries::SqlSubqueriesInIns as i32,
        SqlSupportedSubqueries::SqlSubqueriesInQuantifieds as i32,
    ];
    builder.append(SqlInfo::SqlSupportedSubqueries, bits(&subqueries));
    builder.append(SqlInfo::SqlCorrelatedSubqueriesSupported, true);
    let unions = [SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32];
    builder.append(SqlInfo::SqlSupportedUnions, bits(&unions));
    builder.append(SqlInfo::SqlNamedParametersSupported, true);
    builder.append(SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported, false);
}

fn names(builder: &mut SqlInfoDataBuilder) {
    let lower = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32;
    builder.append(SqlInfo::SqlIdentifierCase, lower);
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    // A quoted name is taken letter by letter.
    builder.append(SqlInfo::SqlQuotedIdentifierCase, SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i32);
    builder.append(SqlInfo::SqlSearchStringEscape, "\\");
    builder.append(SqlInfo::SqlExtraNameCharacters, "");
    builder.append(SqlInfo::SqlSchemaTerm, "schema");
    builder.append(SqlInfo::SqlProcedureTerm, "procedure");
    builder.append(SqlInfo::SqlCatalogTerm, "catalog");
    builder.append(SqlInfo::SqlCatalogAtStart, true);
    builder.append(SqlInfo::SqlSchemasSupportedActions, bits(&[]));
    builder.append(SqlInfo::SqlCatalogsSupportedActions, bits(&[]));
}

/// 0 stands for no limit, or none that is known.
fn limits(builder: &mut SqlInfoDataBuilder) {
    for code in [
        SqlInfo::SqlMaxBinaryLiteralLength,
        SqlInfo::SqlMaxCharLiteralLength,
        SqlInfo::SqlMaxColumnNameLength,
        SqlInfo::SqlMaxColumnsInGroupBy,
        SqlInfo::SqlMaxColumnsInIndex,
        SqlInfo::SqlMaxColumnsInOrderBy,
        SqlInfo::SqlMaxColumnsInSelect,
        SqlInfo::SqlMaxColumnsInTable,
        SqlInfo::SqlMaxConnections,
        SqlInfo::SqlMaxCursorNameLength,
        SqlInfo::SqlMaxIndexLength,
        SqlInfo::SqlDbSchemaNameLength,
        SqlInfo::SqlMaxProcedureNameLength,
        SqlInfo::SqlMaxCatalogNameLength,
        SqlInfo::SqlMaxRowSize,
        SqlInfo::SqlMaxStatements,
        SqlInfo::SqlMaxTableNameLength,
        SqlInfo::SqlMaxTablesInSelect,
        SqlInfo::SqlMaxUsernameLength,
    ] {
        builder.append(code, 0_i64);
    }
    builder.append(SqlInfo::SqlMaxStatementLength, i64::try_from(statement::MOST_TEXT).unwrap_or(i64::MAX));
    builder.append(SqlInfo::SqlMaxRowSizeIncludesBlobs, true);
}

fn results(builder: &mut SqlInfoDataBuilder) {
    builder.append(
        SqlInfo::SqlDefaultTransactionIsolation,
        i64::from(SqlTransactionIsolationLevel::SqlTransactionNone as i32),
    );
    builder.append(SqlInfo::SqlTransactionsSupported, false);
    builder.append(
        SqlInfo::SqlSupportedTransactionsIsolationLevels,
        bits(&[SqlTransactionIsolationLevel::SqlTransactionNone as i32]),
    );
    builder.append(SqlInfo::SqlDataDefinitionCausesTransactionCommit, true);
    builder.append(SqlInfo::SqlDataDefinitionsInTransactionsIgnored, false);
    builder.append(
        SqlInfo::SqlSupportedResultSetTypes,
        bits(&[SqlSupportedResultSetType::SqlResultSetTypeForwardOnly as i32]),
    );
    let read_only = SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly as i32;
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified, bits(&[]));
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly, bits(&[read_only]));
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive, bits(&[]));
    builder.append(SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive, bits(&[]));
    builder.append(SqlInfo::SqlBatchUpdatesSupported, true);
    builder.append(SqlInfo::SqlSavepointsSupported, false);
    builder.append(SqlInfo::SqlLocatorsUpdateCopy, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_answered() {
        let batch = answer(&CommandGetSqlInfo { info: Vec::new() }, false).unwrap();
        let codes: Vec<u32> = (0..12).chain(100..102).chain(500..577).collect();
        assert_eq!(batch.num_rows(), codes.len());
        for code in codes {
            assert_eq!(answer(&CommandGetSqlInfo { info: vec![code] }, false).unwrap().num_rows(), 1, "{code}");
        }
    }
}
