-- Classification of the census data: where it lives, what each column is, and who may do what.
-- Loaded by an administrator of the home: sluice sql -f datasets/census/classification.sql

-- Where ------------------------------------------------------------------------------------------

-- The source is production data. What is derived from it here is an experiment, so that the
-- pipeline runs without its file being approved first.
CREATE SCHEMA census DOMAIN production;
CREATE SCHEMA income DOMAIN experiment;

CREATE EXTERNAL TABLE census.adult STORED AS PARQUET LOCATION 'adult.parquet';

-- Experiments may read this production table; what they may see of it is decided column by column.
APPROVE TABLE census.adult FOR EXPERIMENT;

-- What -------------------------------------------------------------------------------------------

CREATE TAG personal COMMENT 'says something about one person';
CREATE TAG personal.age COMMENT 'age in years';
CREATE TAG personal.marital_status COMMENT 'marital status';
CREATE TAG personal.relationship COMMENT 'place in the household';

-- INDIRECT DENY is the default and is spelled out here because it matters most here: filtering or
-- grouping by one of these tells as much as printing it.
CREATE TAG special_category INDIRECT DENY
  COMMENT 'a protected characteristic; needs a reason of its own to be processed';
CREATE TAG special_category.race INDIRECT DENY COMMENT 'race as the person stated it';
CREATE TAG special_category.sex INDIRECT DENY COMMENT 'sex as the person stated it';
CREATE TAG special_category.native_country INDIRECT DENY COMMENT 'native country as the person stated it';

-- fnlwgt is left out on purpose. The Census Bureau computes this weight from population counts by
-- age, sex, race and state, so it may reveal a special category, and nobody has yet decided whether
-- it does. Until somebody decides, it is unclassified, and nobody reads it.
SET TAG ON COLUMNS census.adult (
  age personal.age,
  workclass public,
  education public,
  education_num public,
  marital_status personal.marital_status,
  occupation public,
  relationship personal.relationship,
  race special_category.race,
  sex special_category.sex,
  capital_gain public,
  capital_loss public,
  hours_per_week public,
  native_country special_category.native_country,
  income public
);

-- Who --------------------------------------------------------------------------------------------
-- Everyone reads `public`; that grant is made when a home is created.

-- Analysts read people's data, but no special category, and cannot filter or group by one either.
CREATE GROUP analysts;
GRANT SELECT ON SCHEMA census TO GROUP analysts;
GRANT SELECT ON SCHEMA income TO GROUP analysts;
GRANT READ ON TAG personal TO GROUP analysts;

-- Researchers may also choose rows and form groups by a special category, without receiving its
-- values: filtering by race answers, selecting race does not.
CREATE GROUP researchers;
GRANT USE ON TAG special_category TO GROUP researchers;

CREATE USER ana;
ALTER GROUP analysts ADD USER ana;

CREATE USER rolf;
ALTER GROUP analysts ADD USER rolf;
ALTER GROUP researchers ADD USER rolf;

-- The data protection officer reads everything that has been classified.
CREATE USER dora;
GRANT SELECT ON SCHEMA census TO USER dora;
GRANT SELECT ON SCHEMA income TO USER dora;
GRANT READ ON TAG personal TO USER dora;
GRANT READ ON TAG special_category TO USER dora;

-- The service that runs the pipeline builds tables out of columns that it may not read.
CREATE SERVICE income_bot;
GRANT SELECT ON SCHEMA census TO SERVICE income_bot;
GRANT SELECT ON SCHEMA income TO SERVICE income_bot;
GRANT CREATE ON SCHEMA income TO SERVICE income_bot;
GRANT INSERT ON SCHEMA income TO SERVICE income_bot;
GRANT MODIFY ON SCHEMA income TO SERVICE income_bot;
GRANT PROCESS ON TAG personal TO SERVICE income_bot;
GRANT PROCESS ON TAG special_category TO SERVICE income_bot;
-- The pipeline carries fnlwgt along. What is unclassified stays unclassified in the tables it makes,
-- so this grant lets nobody see a weight.
GRANT PROCESS ON TAG unclassified TO SERVICE income_bot;
