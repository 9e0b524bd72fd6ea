-- counts.ndjson
select strftime('%Y-%m-%dT%H:%M:%SZ', s, 'unixepoch') as window_start,
       strftime('%Y-%m-%dT%H:%M:%SZ', s + 10, 'unixepoch') as window_end, n, total
from (select (json ->> 'ts') / 10000 * 10 as s, count(*) as n, sum(json ->> 'v') as total
      from (select json from left_file union all select json from right_file) group by 1)
order by s
-- late.ndjson
select 1 where 0
