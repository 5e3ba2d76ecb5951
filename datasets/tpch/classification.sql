-- Classification of the TPC-H tables. It stands beside the generated Parquet files, one per table.
-- Loaded by an administrator of the home: sluice sql -f classification.sql

-- Where ------------------------------------------------------------------------------------------

CREATE SCHEMA tpch DOMAIN experiment;

CREATE EXTERNAL TABLE tpch.region STORED AS PARQUET LOCATION 'region.parquet';
CREATE EXTERNAL TABLE tpch.nation STORED AS PARQUET LOCATION 'nation.parquet';
CREATE EXTERNAL TABLE tpch.part STORED AS PARQUET LOCATION 'part.parquet';
CREATE EXTERNAL TABLE tpch.supplier STORED AS PARQUET LOCATION 'supplier.parquet';
CREATE EXTERNAL TABLE tpch.partsupp STORED AS PARQUET LOCATION 'partsupp.parquet';
CREATE EXTERNAL TABLE tpch.customer STORED AS PARQUET LOCATION 'customer.parquet';
CREATE EXTERNAL TABLE tpch.orders STORED AS PARQUET LOCATION 'orders.parquet';
CREATE EXTERNAL TABLE tpch.lineitem STORED AS PARQUET LOCATION 'lineitem.parquet';

-- What -------------------------------------------------------------------------------------------

CREATE TAG pii COMMENT 'identifies or reaches one customer or supplier';
CREATE TAG pii.name COMMENT 'a name';
CREATE TAG pii.address COMMENT 'a postal address';
CREATE TAG pii.phone COMMENT 'a telephone number';
CREATE TAG finance COMMENT 'what one customer or supplier owns or owes';
CREATE TAG finance.balance COMMENT 'the balance of an account';

SET TAG ON COLUMNS tpch.region (r_regionkey public, r_name public, r_comment public);

SET TAG ON COLUMNS tpch.nation (
  n_nationkey public, n_name public, n_regionkey public, n_comment public
);

SET TAG ON COLUMNS tpch.part (
  p_partkey public,
  p_name public,
  p_mfgr public,
  p_brand public,
  p_type public,
  p_size public,
  p_container public,
  p_retailprice public,
  p_comment public
);

SET TAG ON COLUMNS tpch.supplier (
  s_suppkey public,
  s_name pii.name,
  s_address pii.address,
  s_nationkey public,
  s_phone pii.phone,
  s_acctbal finance.balance,
  s_comment public
);

SET TAG ON COLUMNS tpch.partsupp (
  ps_partkey public, ps_suppkey public, ps_availqty public, ps_supplycost public, ps_comment public
);

SET TAG ON COLUMNS tpch.customer (
  c_custkey public,
  c_name pii.name,
  c_address pii.address,
  c_nationkey public,
  c_phone pii.phone,
  c_acctbal finance.balance,
  c_mktsegment public,
  c_comment public
);

SET TAG ON COLUMNS tpch.orders (
  o_orderkey public,
  o_custkey public,
  o_orderstatus public,
  o_totalprice public,
  o_orderdate public,
  o_orderpriority public,
  o_clerk public,
  o_shippriority public,
  o_comment public
);

SET TAG ON COLUMNS tpch.lineitem (
  l_orderkey public,
  l_partkey public,
  l_suppkey public,
  l_linenumber public,
  l_quantity public,
  l_extendedprice public,
  l_discount public,
  l_tax public,
  l_returnflag public,
  l_linestatus public,
  l_shipdate public,
  l_commitdate public,
  l_receiptdate public,
  l_shipinstruct public,
  l_shipmode public,
  l_comment public
);

-- Who --------------------------------------------------------------------------------------------
-- Everyone reads `public`; that grant is made when a home is created.

-- Reads what is public, and nothing else.
CREATE USER tpch_analyst;
GRANT SELECT ON SCHEMA tpch TO USER tpch_analyst;

-- Reads everything, so all 22 queries answer.
CREATE USER tpch_officer;
GRANT SELECT ON SCHEMA tpch TO USER tpch_officer;
GRANT READ ON TAG pii TO USER tpch_officer;
GRANT READ ON TAG finance TO USER tpch_officer;
