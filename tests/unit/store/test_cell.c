/*
 * test_cell.c — buckets of durations, percentiles, and cells as bytes.
 */
#include "check.h"

#include "base/wire.h"
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
        int64_t middle = time_percentile_us(counts, INT64_MAX, 500);
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
    assert_int_equal(time_percentile_us(counts, INT64_MAX, 500), -1);
    counts[time_bucket_of(1000)] = 95;
    counts[time_bucket_of(1000000)] = 5;
    int64_t p50 = time_percentile_us(counts, INT64_MAX, 500), p95 = time_percentile_us(counts, INT64_MAX, 950);
    int64_t p99 = time_percentile_us(counts, INT64_MAX, 990);
    assert_int_equal(p50, p95);
    assert_true(p50 > 950 && p50 < 1050);
    assert_true(p99 > 955000 && p99 < 1046000);
    assert_true(p99 > 1000000);
    assert_int_equal(time_percentile_us(counts, 1000000, 990), 1000000);
    assert_int_equal(time_percentile_us(counts, 1000000, 500), p50);
}

static void assert_same_bytes(const struct cell *a, const struct cell *b)
{
    struct buf x, y;
    buf_init(&x, CELL_BYTES_MAX);
    buf_init(&y, CELL_BYTES_MAX);
    assert_int_equal(cell_write(&x, a), ERR_OK);
    assert_int_equal(cell_write(&y, b), ERR_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(buf_str(&x).ptr, buf_str(&y).ptr, x.len);
    buf_release(&x);
    buf_release(&y);
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
    cell_init(&one);
    cell_add_record(&one, &r, 1);
    cell_tool_call(cell_tool_of(&one.tools, 7, 99), &r, 2, 1);
    assert_int_equal(cell_write(&bytes, &one), ERR_OK);
    assert_int_equal(cell_read(buf_str(&bytes), true, &entries), ERR_OK);
    assert_int_equal(entries.durations.max_us, r.duration_us);
    cell_init(&sum);
    cell_add(&sum, &entries, 99);
    assert_same_bytes(&sum, &one);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(cell_read(str_head(buf_str(&bytes), len), true, &entries), ERR_CORRUPT);
    cell_add_record(&sum, &r, -1);
    assert_true(cell_is_empty(&sum));
    assert_int_equal(sum.durations.max_us, r.duration_us);
    for (int64_t tool = 0; tool < 3 * CELL_TOOLS_MAX; tool++)
        cell_tool_of(&sum.tools, tool, 1000)->request_count++;
    assert_int_equal(sum.tools.count, CELL_TOOLS_MAX);
    cell_clear(&one);
    cell_clear(&sum);
    cell_entries_release(&entries);
    buf_release(&bytes);
}

/* As stores had them before tools had times: sums, two histograms, a number of tools and their parts. */
static void old_cells_are_read(void **state)
{
    (void)state;
    struct cell_entries entries = {0};
    struct buf bytes;
    buf_init(&bytes, CELL_BYTES_MAX);
    for (int64_t i = 0; i < (int64_t)(sizeof(struct cell_sums) / sizeof(int64_t)); i++)
        assert_int_equal(wire_put_varint(&bytes, wire_zigzag(i + 2)), ERR_OK);
    const uint64_t rest[] = {1, 100, wire_zigzag(2), 0, 1, /* a tool: */ wire_zigzag(7),
        wire_zigzag(2), wire_zigzag(3), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, wire_zigzag(5000), wire_zigzag(2)};
    for (size_t i = 0; i < COUNT_OF(rest); i++)
        assert_int_equal(wire_put_varint(&bytes, rest[i]), ERR_OK);
    assert_int_equal(cell_read(buf_str(&bytes), true, &entries), ERR_OK);
    assert_int_equal(entries.sums.request_count, 2);
    assert_int_equal(entries.durations.max_us, time_bucket_low_us(101));
    assert_int_equal(entries.tools.list[0].call_count, 3);
    assert_int_equal(entries.tools.list[0].duration_us, 5000);
    assert_int_equal(entries.tools.list[0].durations.count, 0);
    cell_entries_release(&entries);
    buf_release(&bytes);
}

/* Requests of many durations, called for by a tool, added and half of them taken off again. */
static void tools_have_times(void **state)
{
    (void)state;
    struct cell sum;
    struct cell_entries entries = {0};
    static struct cell shown;
    struct buf bytes;
    buf_init(&bytes, CELL_BYTES_MAX);
    cell_init(&sum);
    struct record r = maker_record(1790000000000000);
    int64_t longest_us[3] = {0}; /* of those that are left */
    for (int sign = 1; sign >= -1; sign -= 2)
        for (int64_t i = 0; i < (sign > 0 ? 2000 : 1000); i++) {
            r.duration_us = (i * 7919 % 2000 + 1) * 1000;
            if (i >= 1000)
                longest_us[i % 3] = MAX_OF(longest_us[i % 3], r.duration_us);
            r.first_token_us = i % 2 ? UNKNOWN : r.duration_us / 2;
            cell_tool_call(cell_tool_of(&sum.tools, i % 3, 99), &r, 1, sign);
        }
    assert_int_equal(cell_write(&bytes, &sum), ERR_OK);
    assert_int_equal(cell_read(buf_str(&bytes), true, &entries), ERR_OK);
    assert_int_equal(entries.tools.count, 3);
    for (size_t i = 0; i < entries.tools.count; i++) {
        const struct cell_tool *t = &entries.tools.list[i];
        cell_init(&shown);
        cell_add_as_tool(&shown, t);
        int64_t count = 0, first_count = 0;
        for (int at = 0; at < TIME_BUCKETS; at++) {
            assert_true(shown.durations.counts[at] >= 0);
            count += shown.durations.counts[at];
            first_count += shown.first_tokens.counts[at];
        }
        assert_int_equal(count, t->request_count);
        assert_int_equal(first_count, t->first_token_count);
        int64_t longest = longest_us[t->tool];
        assert_true(t->durations.max_us >= longest);
        assert_true(t->durations.max_us <= time_bucket_low_us(time_bucket_of(longest) + 1));
        int64_t p50 = time_percentile_us(shown.durations.counts, shown.durations.max_us, 500);
        assert_true(p50 > 900000 && p50 < 1100000);
    }
    assert_int_equal(cell_read(buf_str(&bytes), false, &entries), ERR_OK);
    assert_int_equal(entries.tools.count, 0);
    cell_clear(&sum);
    cell_entries_release(&entries);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_near),
        cmocka_unit_test(percentiles_are_ranks),
        cmocka_unit_test(cells_come_back),
        cmocka_unit_test(tools_have_times),
        cmocka_unit_test(old_cells_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
