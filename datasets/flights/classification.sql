-- Classification of the flights data: where it lives, what each column is, and who may do what.
-- Loaded by an administrator of the home: sluice sql -f datasets/flights/classification.sql

-- Where ------------------------------------------------------------------------------------------

-- Both schemas are production, so the pipeline that writes `delays` runs only once its file has
-- been approved: sluice approve datasets/flights/pipeline.sql
CREATE SCHEMA flights DOMAIN production;
CREATE SCHEMA delays DOMAIN production;

CREATE EXTERNAL TABLE flights.airlines STORED AS PARQUET LOCATION 'airlines.parquet';
CREATE EXTERNAL TABLE flights.airports STORED AS PARQUET LOCATION 'airports.parquet';
CREATE EXTERNAL TABLE flights.planes STORED AS PARQUET LOCATION 'planes.parquet';
CREATE EXTERNAL TABLE flights.weather STORED AS PARQUET LOCATION 'weather.parquet';
CREATE EXTERNAL TABLE flights.flights STORED AS PARQUET LOCATION 'flights.parquet';

APPROVE TABLE flights.airlines FOR EXPERIMENT;
APPROVE TABLE flights.airports FOR EXPERIMENT;
APPROVE TABLE flights.planes FOR EXPERIMENT;
APPROVE TABLE flights.weather FOR EXPERIMENT;
APPROVE TABLE flights.flights FOR EXPERIMENT;

-- What -------------------------------------------------------------------------------------------

CREATE TAG operational COMMENT 'how an airline runs its fleet';
CREATE TAG operational.tailnum INDIRECT DENY
  COMMENT 'registration of one aircraft; it leads to the owner and to every flight it makes';

SET TAG ON COLUMNS flights.airlines (carrier public, name public);

SET TAG ON COLUMNS flights.airports (
  faa public, name public, lat public, lon public, alt public, tz public, dst public, tzone public
);

SET TAG ON COLUMNS flights.planes (
  tailnum operational.tailnum,
  year public,
  type public,
  manufacturer public,
  model public,
  engines public,
  seats public,
  speed public,
  engine public
);

SET TAG ON COLUMNS flights.weather (
  origin public,
  year public,
  month public,
  day public,
  hour public,
  temp public,
  dewp public,
  humid public,
  wind_dir public,
  wind_speed public,
  wind_gust public,
  precip public,
  pressure public,
  visib public,
  time_hour public
);

SET TAG ON COLUMNS flights.flights (
  year public,
  month public,
  day public,
  dep_time public,
  sched_dep_time public,
  dep_delay public,
  arr_time public,
  sched_arr_time public,
  arr_delay public,
  carrier public,
  flight public,
  tailnum operational.tailnum,
  origin public,
  dest public,
  air_time public,
  distance public,
  hour public,
  minute public,
  time_hour public
);

-- Who --------------------------------------------------------------------------------------------
-- Everyone reads `public`; that grant is made when a home is created.

CREATE GROUP flight_analysts;
GRANT SELECT ON SCHEMA flights TO GROUP flight_analysts;
GRANT SELECT ON SCHEMA delays TO GROUP flight_analysts;

CREATE GROUP fleet_operations;
GRANT READ ON TAG operational TO GROUP fleet_operations;

-- Pia reads what is public: no tail number, and nothing that was joined or grouped by one.
CREATE USER pia;
ALTER GROUP flight_analysts ADD USER pia;

-- Otto works in operations and reads tail numbers too.
CREATE USER otto;
ALTER GROUP flight_analysts ADD USER otto;
ALTER GROUP fleet_operations ADD USER otto;

-- The service that runs the pipeline handles tail numbers without seeing them.
CREATE SERVICE delay_bot;
GRANT SELECT ON SCHEMA flights TO SERVICE delay_bot;
GRANT SELECT ON SCHEMA delays TO SERVICE delay_bot;
GRANT CREATE ON SCHEMA delays TO SERVICE delay_bot;
GRANT INSERT ON SCHEMA delays TO SERVICE delay_bot;
GRANT MODIFY ON SCHEMA delays TO SERVICE delay_bot;
GRANT PROCESS ON TAG operational TO SERVICE delay_bot;
