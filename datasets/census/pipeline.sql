-- Features and summaries of income, made from census.adult by a service that may read none of the
-- personal columns. Tags travel with the data into every table below.

PIPELINE income.features (
  owner income_bot,
  domain experiment,
  schedule CRON '0 6 * * *' TIME ZONE 'UTC',
  parameters (min_age INT DEFAULT 17),
  retries 1,
  timeout '1h'
);

-- Every column keeps its tag, and `weight` stays unclassified. The filter on age gives the table,
-- and all that is made from it, a row tag: personal.age.
CREATE OR REFRESH MATERIALIZED VIEW income.people (
  CONSTRAINT age_in_range EXPECT (age BETWEEN 0 AND 120) ON VIOLATION FAIL UPDATE,
  CONSTRAINT at_work EXPECT (hours_per_week > 0) ON VIOLATION DROP ROW,
  CONSTRAINT occupation_known EXPECT (occupation IS NOT NULL)
) AS
SELECT
  age,
  workclass,
  fnlwgt AS weight,
  education,
  education_num,
  marital_status,
  occupation,
  race,
  sex,
  capital_gain - capital_loss AS capital_result,
  hours_per_week,
  native_country,
  CASE WHEN income = '>50K' THEN 1 ELSE 0 END AS high_income
FROM census.adult
WHERE age >= $min_age;

CREATE TEMPORARY VIEW full_time AS
SELECT * FROM income.people WHERE hours_per_week >= 35;

-- Features computed from race and sex carry both tags directly: one bit of a special category is
-- still a special category.
CREATE OR REFRESH MATERIALIZED VIEW income.model_inputs (
  CONSTRAINT binary_label EXPECT (high_income IN (0, 1)) ON VIOLATION FAIL UPDATE,
  -- 99999 stands for "this much or more".
  CONSTRAINT capital_not_capped EXPECT (capital_result < 99999) ON VIOLATION DROP ROW
) AS
SELECT
  age,
  education_num,
  capital_result,
  hours_per_week,
  hours_per_week - avg(hours_per_week) OVER (PARTITION BY occupation) AS hours_above_usual,
  CASE WHEN marital_status LIKE 'Married%' THEN 1 ELSE 0 END AS is_married,
  CASE WHEN sex = 'Female' THEN 1 ELSE 0 END AS is_female,
  CASE WHEN race = 'White' THEN 0 ELSE 1 END AS is_minority,
  concat(race, '/', sex) AS race_and_sex,
  high_income
FROM income.people;

-- The key carries special_category.native_country directly, every other column indirectly, and the
-- table as a row tag: the groups are the countries. Groups too small to hide anyone are dropped.
CREATE OR REFRESH MATERIALIZED VIEW income.by_country (
  CONSTRAINT country_known EXPECT (native_country IS NOT NULL),
  CONSTRAINT large_enough EXPECT (people >= 20) ON VIOLATION DROP ROW
) AS
SELECT
  native_country,
  count(*) AS people,
  avg(hours_per_week) AS average_hours,
  100.0 * sum(high_income) / count(*) AS high_income_percent
FROM income.people
GROUP BY native_country;

-- No column here says that these are women; the row tag special_category.sex does.
CREATE OR REFRESH MATERIALIZED VIEW income.women_full_time AS
SELECT occupation, education, hours_per_week, high_income
FROM full_time
WHERE sex = 'Female';

-- Built from columns that analysts may read, and so readable by them.
CREATE OR REFRESH MATERIALIZED VIEW income.education_ranks (
  CONSTRAINT all_levels EXPECT (education_num BETWEEN 1 AND 16) ON VIOLATION FAIL UPDATE
) AS
SELECT
  education,
  education_num,
  people,
  average_age,
  high_income_percent,
  CAST(rank() OVER (ORDER BY high_income_percent DESC) AS BIGINT) AS income_rank,
  high_income_percent
    - lag(high_income_percent) OVER (ORDER BY education_num) AS gain_over_level_below
FROM (
  SELECT
    education,
    education_num,
    count(*) AS people,
    avg(age) AS average_age,
    100.0 * sum(high_income) / count(*) AS high_income_percent
  FROM full_time
  GROUP BY education, education_num
) AS levels;

-- Made from the weights: both estimates are unclassified, as fnlwgt is.
CREATE OR REFRESH MATERIALIZED VIEW income.workclass_estimates AS
SELECT
  workclass,
  count(*) AS people,
  sum(weight) AS estimated_people,
  100.0 * sum(weight * high_income) / sum(weight) AS estimated_high_income_percent
FROM income.people
GROUP BY workclass;

-- Made from tables that stages above made. The women's table brings its row tag along.
CREATE OR REFRESH MATERIALIZED VIEW income.occupation_gaps (
  CONSTRAINT share_in_range EXPECT (women_percent BETWEEN 0 AND 100) ON VIOLATION FAIL UPDATE
) AS
SELECT
  everyone.occupation,
  everyone.people,
  100.0 * coalesce(women.people, 0) / everyone.people AS women_percent,
  everyone.high_income_percent,
  women.high_income_percent AS women_high_income_percent
FROM (
  SELECT
    occupation,
    count(*) AS people,
    100.0 * sum(high_income) / count(*) AS high_income_percent
  FROM full_time
  WHERE occupation IS NOT NULL
  GROUP BY occupation
) AS everyone
LEFT JOIN (
  SELECT
    occupation,
    count(*) AS people,
    100.0 * sum(high_income) / count(*) AS high_income_percent
  FROM income.women_full_time
  GROUP BY occupation
) AS women
ON everyone.occupation = women.occupation;
