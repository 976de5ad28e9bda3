/*
 * test_loss.c — what is missing is counted by reason, and said at most once a minute.
 */
#include "check.h"

#include "base/loss.h"

static const uint64_t second_ns = 1000000000;

static void counts_by_reason(void **state)
{
    (void)state;
    uint64_t other = loss_read(LOSS_JOURNAL_TORN).since_start;
    uint64_t before = loss_read(LOSS_JOURNAL_WRITE).since_start;
    loss_note_at(LOSS_JOURNAL_WRITE, 3, "disk full", 1 * second_ns);
    loss_note_at(LOSS_JOURNAL_WRITE, 2, "disk full", 1 * second_ns);
    loss_note_at(LOSS_JOURNAL_WRITE, 0, NULL, 1 * second_ns);
    struct loss_count n = loss_read(LOSS_JOURNAL_WRITE);
    assert_int_equal(n.since_start, before + 5);
    assert_true(n.last_us > 0);
    assert_int_equal(loss_read(LOSS_JOURNAL_TORN).since_start, other);
}

static void logs_once_a_minute_for_each_reason(void **state)
{
    (void)state;
    uint64_t now_ns = 1000 * second_ns;
    assert_true(loss_note_at(LOSS_STORE_COMMIT, 1, "busy", now_ns));
    assert_false(loss_note_at(LOSS_STORE_COMMIT, 1, "busy", now_ns + 59 * second_ns));
    assert_true(loss_note_at(LOSS_STORE_REFUSED, 1, NULL, now_ns + 1 * second_ns));
    assert_true(loss_note_at(LOSS_STORE_COMMIT, 1, "busy", now_ns + 60 * second_ns));
}

static void says_the_rest_when_nothing_more_comes(void **state)
{
    (void)state;
    uint64_t now_ns = 5000 * second_ns;
    loss_log_rest_at(now_ns - 200 * second_ns);
    assert_true(loss_note_at(LOSS_BODY_TRUNCATED, 1, NULL, now_ns));
    assert_false(loss_log_rest_at(now_ns + 61 * second_ns)); /* nothing is left to say */
    loss_note_at(LOSS_BODY_TRUNCATED, 1, NULL, now_ns + 1 * second_ns);
    assert_false(loss_log_rest_at(now_ns + 59 * second_ns));
    assert_true(loss_log_rest_at(now_ns + 60 * second_ns));
    assert_false(loss_log_rest_at(now_ns + 200 * second_ns));
}

static void adds_what_earlier_processes_counted(void **state)
{
    (void)state;
    loss_restore(LOSS_JOURNAL_SYNC, 7, 1234);
    struct loss_count n = loss_read(LOSS_JOURNAL_SYNC);
    assert_int_equal(n.before, 7);
    assert_int_equal(n.since_start, 0);
    assert_int_equal(n.last_us, 1234);
    loss_note_at(LOSS_JOURNAL_SYNC, 1, NULL, second_ns);
    loss_restore(LOSS_JOURNAL_SYNC, 7, 1234); /* an older moment than the last one */
    assert_true(loss_read(LOSS_JOURNAL_SYNC).last_us > 1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_reason),
        cmocka_unit_test(logs_once_a_minute_for_each_reason),
        cmocka_unit_test(says_the_rest_when_nothing_more_comes),
        cmocka_unit_test(adds_what_earlier_processes_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
