-- sums.ndjson
with recursive starts(s) as (select (1700000000 - 7) / 30 * 30 + 7 - 120 union all select s + 30 from starts where s < 1700000600)
select strftime('%Y-%m-%dT%H:%M:%SZ', s, 'unixepoch') as window_start,
       strftime('%Y-%m-%dT%H:%M:%SZ', s + 90, 'unixepoch') as window_end,
       count(*) as orders, sum(json ->> 'amount') as total
from starts join orders on json ->> 'ts' >= s and json ->> 'ts' < s + 90
group by s having count(*) >= 100
order by s
