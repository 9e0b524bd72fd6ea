-- sums.ndjson unordered
select strftime('%Y-%m-%dT%H:%M:%SZ', s, 'unixepoch') as window_start,
       strftime('%Y-%m-%dT%H:%M:%SZ', s + 60, 'unixepoch') as window_end, region,
       count(*) as orders, count(amount) as amounts, sum(amount) as total, avg(amount) as average,
       min(amount) as least, max(amount) as most, count(distinct user) as users
from (select (json ->> 'ts') / 60 * 60 as s, json ->> 'region' as region, json ->> 'amount' as amount,
             json ->> 'user' as user from orders)
group by s, region
-- late.ndjson
select 1 where 0
