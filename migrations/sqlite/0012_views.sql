-- What dashboards read: the digests' figures under plain names, without anybody's words. docs/metabase.md has the questions.
-- A ratio over nothing has no value (NULL); sums of money are in roubles (the currency's whole units).

-- A day. Sums of days are the digest's, except users: those are counted from bot_funnel_users.
CREATE VIEW bot_overview AS
SELECT
    days.day_on,
    stats.dau,
    stats.new_users,
    stats.starts,
    stats.sessions,
    stats.searches,
    stats.searches_empty,
    CAST(stats.searches_empty AS REAL) / NULLIF(stats.searches, 0) AS searches_empty_ratio,
    stats.carts_created,
    stats.carts_with_sum,
    CAST(stats.gmv_minor AS REAL) / 100 AS gmv,
    -- Rounded to kopecks as the digest does, halves up: amounts are never negative.
    CAST((2 * stats.gmv_minor + stats.carts_with_sum) / NULLIF(2 * stats.carts_with_sum, 0) AS REAL) / 100
        AS average_cart,
    stats.cart_users,
    CAST(stats.carts_created AS REAL) / NULLIF(stats.cart_users, 0) AS carts_per_user,
    stats.cart_limits_hit,
    stats.surveys_completed,
    stats.errors,
    CAST(stats.errors AS REAL) / NULLIF(stats.searches + stats.carts_created + stats.errors, 0) AS error_ratio,
    llm.call_count AS llm_calls,
    llm.prompt_tokens,
    llm.completion_tokens,
    llm.precached_tokens,
    llm.billable_tokens
FROM (SELECT day_on FROM daily_stats UNION SELECT day_on FROM llm_days) AS days
LEFT JOIN daily_stats AS stats ON stats.day_on = days.day_on
LEFT JOIN (
    -- Calls know more than Langfuse's sums of the same day; both together would count twice.
    SELECT
        day_on,
        CAST(sum(call_count) AS INTEGER) AS call_count,
        CAST(sum(prompt_tokens) AS INTEGER) AS prompt_tokens,
        CAST(sum(completion_tokens) AS INTEGER) AS completion_tokens,
        CAST(sum(precached_tokens) AS INTEGER) AS precached_tokens,
        CAST(sum(billable_tokens) AS INTEGER) AS billable_tokens
    FROM llm_days
    WHERE source = 'calls' OR NOT EXISTS (
        SELECT 1 FROM llm_days AS known WHERE known.day_on = llm_days.day_on AND known.source = 'calls'
    )
    GROUP BY day_on
) AS llm ON llm.day_on = days.day_on;

-- A user, a day and a step taken on it.
CREATE VIEW bot_funnel_users AS
SELECT user_days.day_on, user_days.user_id, steps.step_number, steps.step
FROM user_days
JOIN (
    SELECT CAST(1 AS INTEGER) AS step_number, 'start' AS step, CAST(1 AS INTEGER) AS bit
    UNION ALL SELECT 2, 'session', 2
    UNION ALL SELECT 3, 'search', 4
    UNION ALL SELECT 4, 'cart', 8
    UNION ALL SELECT 5, 'cart_limit', 16
    UNION ALL SELECT 6, 'survey', 32
) AS steps ON (user_days.steps & steps.bit) <> 0;

-- A user's starts of a day by one source. cart_offset: days from there to the first cart within 14 days.
CREATE VIEW bot_source_users AS
SELECT day_on, source, user_id, start_count AS starts, new_count AS new_users, cart_offset
FROM bot_entries;

-- A day and a source (empty = the link said nothing). Starts and new users add up over days, users do not.
CREATE VIEW bot_sources AS
SELECT
    day_on,
    source,
    CAST(sum(start_count) AS INTEGER) AS starts,
    CAST(sum(new_count) AS INTEGER) AS new_users,
    count(*) AS users,
    count(cart_offset) AS cart_users
FROM bot_entries
GROUP BY day_on, source;

-- A week (its Monday) of first starts and a source. Mature for day n: that day is over, as the newest day in daily_stats
-- is the one that still runs.
CREATE VIEW bot_cohorts AS
SELECT
    week_on,
    source,
    count(*) AS users,
    count(CASE WHEN age > 1 THEN 1 END) AS d1_mature_users,
    count(CASE WHEN age > 1 AND is_d1 THEN 1 END) AS d1_returned_users,
    count(CASE WHEN age > 7 THEN 1 END) AS d7_mature_users,
    count(CASE WHEN age > 7 AND is_d7 THEN 1 END) AS d7_returned_users,
    count(CASE WHEN age > 30 THEN 1 END) AS d30_mature_users,
    count(CASE WHEN age > 30 AND is_d30 THEN 1 END) AS d30_returned_users
FROM (
    SELECT
        date(bot_users.first_on, 'weekday 0', '-6 days') AS week_on,
        source,
        is_d1,
        is_d7,
        is_d30,
        CAST(julianday(newest.day_on) - julianday(bot_users.first_on) AS INTEGER) AS age
    FROM bot_users CROSS JOIN (SELECT max(day_on) AS day_on FROM daily_stats) AS newest
) AS users
GROUP BY week_on, source;

-- A day of the team, as its daily digest told it.
CREATE VIEW crm_overview AS
SELECT
    period_on AS day_on,
    max(CASE WHEN measure = 'chats' THEN value END) AS chats,
    max(CASE WHEN measure = 'inbound' THEN value END) AS inbound,
    max(CASE WHEN measure = 'response_ratio' THEN value END) AS response_ratio,
    max(CASE WHEN measure = 'first_response_median_secs' THEN value END) AS first_response_median_secs,
    max(CASE WHEN measure = 'orders' THEN value END) AS orders,
    max(CASE WHEN measure = 'revenue' THEN value END) / 100 AS revenue,
    min(is_complete) AS is_complete
FROM history
WHERE report = 'daily' AND subject = 'team'
GROUP BY period_on;
