/*
 * test_cell.c — buckets of durations, percentiles, and cells as bytes.
 */
#include "check.h"

#include "batches.h"
#include "store/cell.h"

static void buckets_are_near(void **state)
{
    (void)state;
    for (int64_t us = 64; us < INT64_C(1) << 38; us += 1 + us / 97) {
        int64_t counts[TIME_BUCKETS] = {0};
        unsigned at = time_bucket_of(us);
        assert_true(at < TIME_BUCKETS);
        assert_true(time_bucket_low_us(at) <= us && us <= time_bucket_low_us(at + 1));
        counts[at] = 1;
        int64_t middle = time_percentile_us(counts, 500);
        double off = (double)(middle - us);
        assert_true(off <= (double)us * 0.0453 + 0.5 && off >= (double)us * -0.0453 - 0.5);
    }
    assert_int_equal(time_bucket_of(0), 0);
    assert_int_equal(time_bucket_of(INT64_MAX), TIME_BUCKETS - 1);
}

static void percentiles_are_ranks(void **state)
{
    (void)state;
    int64_t counts[TIME_BUCKETS] = {0};
    assert_int_equal(time_percentile_us(counts, 500), -1);
    counts[time_bucket_of(1000)] = 95;
    counts[time_bucket_of(1000000)] = 5;
    int64_t p50 = time_percentile_us(counts, 500), p95 = time_percentile_us(counts, 950);
    int64_t p99 = time_percentile_us(counts, 990);
    assert_int_equal(p50, p95);
    assert_true(p50 > 950 && p50 < 1050);
    assert_true(p99 > 955000 && p99 < 1046000);
}

static void cells_come_back(void **state)
{
    (void)state;
    static struct cell one, sum;
    static struct cell_entries entries;
    struct buf bytes;
    buf_init(&bytes, CELL_BYTES_MAX);
    struct record r = maker_record(1790000000000000);
    r.first_token_us = 77;
    cell_clear(&one);
    cell_add_record(&one, &r, 1);
    cell_add_tool(&one, &(struct cell_tool){7, 1, 2, 3, {4}, 5, 6, 7, 8}, 99);
    assert_int_equal(cell_write(&bytes, &one), ERR_OK);
    assert_int_equal(cell_read(buf_str(&bytes), &entries), ERR_OK);
    cell_clear(&sum);
    cell_add(&sum, &entries, 99);
    assert_memory_equal(&sum, &one, sizeof sum);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(cell_read(str_head(buf_str(&bytes), len), &entries), ERR_CORRUPT);
    cell_add_record(&sum, &r, -1);
    assert_true(cell_is_empty(&sum));
    for (int64_t tool = 0; tool < 3 * CELL_TOOLS_MAX; tool++)
        cell_add_tool(&sum, &(struct cell_tool){.tool = tool, .request_count = 1, .call_count = 1}, 1000);
    assert_int_equal(sum.tool_count, CELL_TOOLS_MAX);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_near),
        cmocka_unit_test(percentiles_are_ranks),
        cmocka_unit_test(cells_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
