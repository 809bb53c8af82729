-- The families purchase, basket, promotion and cadence by hand, for a shop that takes nothing back.
WITH o AS MATERIALIZED (
    SELECT * FROM read_parquet('{staged}/orders.parquet') WHERE ordered_day < {day} AND customer_id IS NOT NULL
),
h AS (SELECT min(ordered_day) AS first_day FROM read_parquet('{staged}/orders.parquet') WHERE ordered_day < {day}),
sold AS (
    SELECT * FROM read_parquet('{staged}/order_lines.parquet')
    WHERE ordered_day < {day} AND coalesce(quantity, 1) > 0 AND revenue >= 0 AND coalesce(is_product, true)
),
launched AS (
    SELECT product_id, min(ordered_day) AS launched_day FROM sold GROUP BY 1
    HAVING launched_day >= (SELECT first_day FROM h) + 90
),
a AS (
    SELECT customer_id, max(ordered_day) AS last_day, min(ordered_day) AS first_day, count(*) AS frequency,
        sum(revenue)::DOUBLE AS revenue, stddev_samp(revenue::DOUBLE) AS order_value_sd, avg(lines) AS lines_per_order,
        sum(discount)::DOUBLE AS discount, sum(list_revenue)::DOUBLE AS listed, count(*) FILTER (has_coupon) AS coupons,
        count(*) FILTER (ordered_day >= {day} - 30) AS orders_30d, count(*) FILTER (ordered_day >= {day} - 60) AS orders_60d,
        count(*) FILTER (ordered_day >= {day} - 90) AS orders_90d, count(*) FILTER (ordered_day >= {day} - 180) AS orders_180d,
        count(*) FILTER (ordered_day >= {day} - 365) AS orders_365d, count(*) FILTER (ordered_day >= {day} - 730) AS orders_730d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 30), 0)::DOUBLE AS revenue_30d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 60), 0)::DOUBLE AS revenue_60d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 90), 0)::DOUBLE AS revenue_90d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 180), 0)::DOUBLE AS revenue_180d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 365), 0)::DOUBLE AS revenue_365d,
        coalesce(sum(revenue) FILTER (ordered_day >= {day} - 730), 0)::DOUBLE AS revenue_730d
    FROM o GROUP BY 1
),
l AS (
    SELECT customer_id, median(quantity::DOUBLE) AS items_per_line,
        CASE WHEN {day} - (SELECT first_day FROM h) > 90
            THEN count(*) FILTER (ordered_day - launched_day <= 30) / count(*) END AS new_product_share,
        coalesce(sum(list_revenue) FILTER (discount = 0), 0)::DOUBLE
            / nullif(sum(list_revenue) FILTER (discount IS NOT NULL), 0)::DOUBLE AS full_price_share,
        CASE WHEN sum(list_revenue) FILTER (discount > 0) > 0 THEN least(1, sum(discount) FILTER (discount > 0)::DOUBLE
            / sum(list_revenue) FILTER (discount > 0)::DOUBLE) END AS discount_depth
    FROM sold LEFT JOIN launched USING (product_id) WHERE customer_id IS NOT NULL GROUP BY 1
),
p AS (  -- pairs first: count(DISTINCT ...) spills 70 GB at 147 million lines
    SELECT customer_id, count(product_id) AS products_bought
    FROM (SELECT DISTINCT customer_id, product_id FROM sold WHERE customer_id IS NOT NULL) GROUP BY 1
),
g AS (
    SELECT customer_id, category, sum(revenue) AS r, max(ordered_day) AS last_day,
        sum(revenue) FILTER (is_private_brand) AS own, sum(revenue) FILTER (is_private_brand IS NOT NULL) AS branded
    FROM sold JOIN read_parquet('{staged}/products.parquet') USING (product_id)
    WHERE customer_id IS NOT NULL GROUP BY ALL
),
c AS (
    SELECT customer_id, count(category) AS categories_bought,
        arg_min(category, (-r, category)) FILTER (category IS NOT NULL) AS top_category,
        arg_min(category, (-last_day, -r, category)) FILTER (category IS NOT NULL) AS last_category,
        sum(r) FILTER (category IS NOT NULL)::DOUBLE AS whole, max(r) FILTER (category IS NOT NULL)::DOUBLE / whole AS share,
        sum(r::DOUBLE ** 2) FILTER (category IS NOT NULL) / whole ** 2 AS concentration,
        coalesce(sum(own), 0)::DOUBLE / nullif(sum(branded), 0)::DOUBLE AS private_brand_share
    FROM g GROUP BY 1
),
d AS (SELECT DISTINCT customer_id, ordered_day FROM o),
e AS (
    SELECT customer_id, avg(gap) AS gap_mean_days, median(gap) AS gap_median_days, stddev_samp(gap) AS gap_sd_days
    FROM (SELECT customer_id, ordered_day - lag(ordered_day) OVER (PARTITION BY customer_id ORDER BY ordered_day) AS gap FROM d)
    GROUP BY 1
),
w AS (
    SELECT customer_id, arg_min(weekday, (-n, weekday)) AS usual_weekday
    FROM (SELECT customer_id, isodow(ordered_at) AS weekday, count(*) AS n FROM o GROUP BY ALL) GROUP BY 1
),
t AS (
    SELECT customer_id, arg_min(hour, (-n, hour)) AS usual_hour
    FROM (SELECT customer_id, hour(ordered_at) AS hour, count(*) AS n FROM o GROUP BY ALL) GROUP BY 1
)
SELECT customer_id, {day} - a.last_day AS recency_days, frequency, revenue / frequency AS monetary_value, revenue,
    {day} - a.first_day AS tenure_days, a.first_day - h.first_day AS observed_before_first_days,
    orders_30d, orders_90d, orders_365d, revenue_30d, revenue_90d, revenue_365d,
    2 * orders_30d - orders_60d AS orders_30d_change, 2 * orders_90d - orders_180d AS orders_90d_change,
    CASE WHEN {day} - h.first_day >= 730 THEN 2 * orders_365d - orders_730d END AS orders_365d_change,
    2 * revenue_30d - revenue_60d AS revenue_30d_change, 2 * revenue_90d - revenue_180d AS revenue_90d_change,
    CASE WHEN {day} - h.first_day >= 730 THEN 2 * revenue_365d - revenue_730d END AS revenue_365d_change,
    order_value_sd, NULL::DOUBLE AS return_share, lines_per_order, items_per_line, products_bought, new_product_share,
    categories_bought, top_category, CASE WHEN whole > 0 THEN share END AS top_category_share,
    CASE WHEN whole > 0 THEN concentration END AS category_concentration, last_category, private_brand_share,
    discount / nullif(listed, 0) AS discount_share, coupons / frequency AS coupon_order_share, full_price_share, discount_depth,
    gap_mean_days, gap_median_days, gap_sd_days, {day} - a.last_day - gap_median_days AS overdue_days, usual_weekday, usual_hour
FROM a CROSS JOIN h LEFT JOIN l USING (customer_id) LEFT JOIN p USING (customer_id) LEFT JOIN c USING (customer_id) LEFT JOIN e USING (customer_id)
    LEFT JOIN w USING (customer_id) LEFT JOIN t USING (customer_id)
ORDER BY customer_id
