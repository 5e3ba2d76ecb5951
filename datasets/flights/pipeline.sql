-- Delays of flights out of New York City by route, weather, day, airline and aircraft.
-- It writes a production schema, so its file is approved before it runs.

PIPELINE delays.daily (
  owner delay_bot,
  domain production,
  schedule CRON '30 5 * * *' TIME ZONE 'America/New_York',
  parameters (min_flights INT DEFAULT 100, from_day DATE DEFAULT '2013-01-01'),
  retries 1,
  timeout '30m'
);

-- One row per scheduled flight. `tailnum` keeps its tag; every other column is public.
CREATE OR REFRESH MATERIALIZED VIEW delays.legs (
  CONSTRAINT leaves_new_york EXPECT (origin IN ('EWR', 'JFK', 'LGA')) ON VIOLATION FAIL UPDATE,
  -- A hop between two airports of the city is no route.
  CONSTRAINT leaves_the_city EXPECT (distance >= 50) ON VIOLATION DROP ROW,
  CONSTRAINT aircraft_known EXPECT (tailnum IS NOT NULL)
) AS
SELECT
  make_date(f.year, f.month, f.day) AS flight_date,
  f.month,
  f.time_hour,
  f.carrier,
  a.name AS airline,
  f.flight,
  f.tailnum,
  f.origin,
  f.dest,
  f.distance,
  f.air_time,
  f.dep_delay,
  f.arr_delay,
  f.dep_time IS NULL AS cancelled
FROM flights.flights AS f
JOIN flights.airlines AS a ON f.carrier = a.carrier
WHERE make_date(f.year, f.month, f.day) >= $from_day;

CREATE TEMPORARY VIEW flown AS
SELECT * FROM delays.legs WHERE NOT cancelled;

-- The airports of Puerto Rico and the Virgin Islands are not in the list: no name for those.
CREATE OR REFRESH MATERIALIZED VIEW delays.routes (
  CONSTRAINT destination_known EXPECT (destination IS NOT NULL)
) AS
SELECT
  legs.origin,
  legs.dest,
  airports.name AS destination,
  min(legs.distance) AS distance,
  count(*) AS flights,
  avg(legs.dep_delay) AS average_dep_delay,
  avg(legs.arr_delay) AS average_arr_delay,
  100.0 * count(CASE WHEN legs.arr_delay > 15 THEN 1 END) / count(*) AS late_percent
FROM flown AS legs
LEFT JOIN flights.airports AS airports ON legs.dest = airports.faa
GROUP BY legs.origin, legs.dest, airports.name
HAVING count(*) >= $min_flights;

CREATE OR REFRESH MATERIALIZED VIEW delays.by_weather (
  CONSTRAINT delay_plausible EXPECT (average_dep_delay BETWEEN -60 AND 240) ON VIOLATION FAIL UPDATE
) AS
SELECT
  origin,
  conditions,
  count(*) AS flights,
  avg(dep_delay) AS average_dep_delay
FROM (
  SELECT
    legs.origin,
    legs.dep_delay,
    CASE
      WHEN weather.origin IS NULL THEN 'not observed'
      WHEN weather.visib < 3 THEN 'low visibility'
      WHEN weather.precip > 0 AND weather.temp <= 32 THEN 'snow or ice'
      WHEN weather.precip > 0 THEN 'rain'
      WHEN weather.wind_speed >= 20 THEN 'wind'
      ELSE 'fair'
    END AS conditions
  FROM flown AS legs
  LEFT JOIN flights.weather AS weather
    ON legs.origin = weather.origin AND legs.time_hour = weather.time_hour
) AS observed
GROUP BY origin, conditions;

CREATE OR REFRESH MATERIALIZED VIEW delays.days (
  CONSTRAINT counts_agree EXPECT (cancelled <= flights) ON VIOLATION FAIL UPDATE
) AS
SELECT
  flight_date,
  origin,
  count(*) AS flights,
  sum(CASE WHEN cancelled THEN 1 ELSE 0 END) AS cancelled,
  count(dep_delay) AS departed,
  coalesce(sum(dep_delay), 0) AS delay_minutes
FROM delays.legs
GROUP BY flight_date, origin;

-- The week's average beside the day's, and the ten worst days of each airport.
CREATE OR REFRESH MATERIALIZED VIEW delays.worst_days AS
SELECT flight_date, origin, flights, cancelled, average_dep_delay, week_dep_delay, day_rank
FROM (
  SELECT
    flight_date,
    origin,
    flights,
    cancelled,
    average_dep_delay,
    week_dep_delay,
    CAST(row_number() OVER (
      PARTITION BY origin ORDER BY average_dep_delay DESC, flight_date
    ) AS BIGINT) AS day_rank
  FROM (
    SELECT
      flight_date,
      origin,
      flights,
      cancelled,
      1.0 * delay_minutes / nullif(departed, 0) AS average_dep_delay,
      1.0 * sum(delay_minutes) OVER (
        PARTITION BY origin ORDER BY flight_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
      ) / nullif(sum(departed) OVER (
        PARTITION BY origin ORDER BY flight_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
      ), 0) AS week_dep_delay
    FROM delays.days
  ) AS averaged
  WHERE average_dep_delay IS NOT NULL
) AS ranked
WHERE day_rank <= 10;

CREATE OR REFRESH MATERIALIZED VIEW delays.airline_months AS
SELECT
  month,
  carrier,
  airline,
  flights,
  average_arr_delay,
  CAST(rank() OVER (PARTITION BY month ORDER BY average_arr_delay) AS BIGINT) AS punctuality_rank,
  average_arr_delay
    - lag(average_arr_delay) OVER (PARTITION BY carrier ORDER BY month) AS change_since_last_month
FROM (
  SELECT month, carrier, airline, count(*) AS flights, avg(arr_delay) AS average_arr_delay
  FROM flown
  GROUP BY month, carrier, airline
  HAVING count(*) >= $min_flights
) AS months;

-- Grouped by tail number: the key carries operational.tailnum directly, the rest indirectly.
CREATE OR REFRESH MATERIALIZED VIEW delays.aircraft (
  CONSTRAINT in_register EXPECT (manufacturer IS NOT NULL),
  CONSTRAINT built_before_flown EXPECT (built IS NULL OR built <= 2013) ON VIOLATION DROP ROW
) AS
SELECT
  legs.tailnum,
  planes.manufacturer,
  planes.model,
  planes.year AS built,
  planes.seats,
  count(*) AS flights,
  sum(legs.distance) AS miles,
  avg(legs.dep_delay) AS average_dep_delay
FROM flown AS legs
LEFT JOIN flights.planes AS planes ON legs.tailnum = planes.tailnum
WHERE legs.tailnum IS NOT NULL
GROUP BY legs.tailnum, planes.manufacturer, planes.model, planes.year, planes.seats
HAVING count(*) >= $min_flights;

-- No tail number is left in it, and still it is not public: which aircraft count was decided by one.
CREATE OR REFRESH MATERIALIZED VIEW delays.manufacturers AS
SELECT
  manufacturer,
  count(*) AS aircraft,
  sum(flights) AS flights,
  sum(miles) AS miles,
  sum(seats * flights) AS seats_offered
FROM delays.aircraft
WHERE manufacturer IS NOT NULL
GROUP BY manufacturer;
