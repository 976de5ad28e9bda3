/*
 * test_scrub.c — what only deleted requests needed is wiped out of the file, and nothing else is.
 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store_scene.h"
#include "store/erase.h"
#include "store/scrub.h"
#include "store/store_private.h"

enum { ROWS_MAX = 40, BODY_BYTES = 20000, NEEDLE = 48 };

static const int64_t base_us = INT64_C(496000) * 3600 * 1000000;
static const int64_t hour_us = INT64_C(3600) * 1000000;

struct fixture {
    struct store_scene s;
    uint64_t first; /* block */
    struct scrub scrub;
    uint64_t seed, asked, fence, oldest;
    struct uuid ids[ROWS_MAX];
    struct str bodies[ROWS_MAX];
    size_t count;
};

/* --- who writes blocks --- */

static void ask_fence(void *owner)
{
    struct fixture *x = owner;
    x->asked++;
    chain_rest(&x->s.maker.chain);
    x->fence = x->s.maker.block;
}

static uint64_t fence(void *owner)
{
    return ((struct fixture *)owner)->fence;
}

static uint64_t oldest_block(void *owner)
{
    return ((struct fixture *)owner)->oldest;
}

/* --- the scene --- */

static int setup(void **state)
{
    struct fixture *x = MEM_NEW(struct fixture);
    scene_begin(&x->s);
    x->first = store_next_block(x->s.store);
    x->seed = 7;
    x->oldest = UINT64_MAX;
    scrub_init(&x->scrub, x->s.store, &(struct scrub_source){x, ask_fence, fence, oldest_block});
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    scrub_release(&x->scrub);
    for (size_t i = 0; i < x->count; i++)
        free((char *)x->bodies[i].ptr);
    scene_end(&x->s);
    free(x);
    return 0;
}

static void add_row(struct fixture *x, struct str title)
{
    struct record r = maker_record(base_us + (int64_t)x->count * hour_us);
    r.id = uuid_floor(r.started_us);
    r.title = title;
    x->ids[x->count] = r.id;
    x->bodies[x->count] = scene_random(&x->seed, BODY_BYTES);
    maker_add(&x->s.maker, &r, x->bodies[x->count++], STR("answer"));
}

/* So many requests in one block. */
static void add_block(struct fixture *x, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        add_row(x, STR_NONE);
    scene_commit(&x->s);
}

static void delete_row(struct fixture *x, size_t i, enum erase_marks marks)
{
    struct fail f = {0};
    struct eraser e;
    eraser_init(&e, x->s.store, NULL, x->s.reader, marks);
    assert_int_equal(eraser_one(&e, &x->ids[i], &f), ERR_OK);
}

static void scrub_until(struct fixture *x, enum scrub_phase phase)
{
    for (int i = 0; i < 10000; i++) {
        scrub_step(&x->scrub);
        if (x->scrub.phase == phase)
            return;
    }
    fail_msg("it does not come to phase %d", phase);
}

static void scrub_all(struct fixture *x)
{
    scrub_until(x, SCRUB_FENCES);
    scrub_until(x, SCRUB_RESTS);
}

static bool file_has(const char *path, struct str needle)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    struct stat st;
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *bytes = mem_alloc((size_t)st.st_size + 1);
    size_t len = fread(bytes, 1, (size_t)st.st_size, file);
    bool is = memmem(bytes, len, needle.ptr, needle.len) != NULL;
    free(bytes);
    fclose(file);
    return is;
}

/* A file is looked at as a thief would; of a server only what it tells can be seen. */
static bool is_stored(struct fixture *x, struct str needle)
{
    char text[600] = "SELECT count(*) FROM blocks WHERE position('\\x";
    size_t at = strlen(text);
    if (!place_is_postgres()) {
        snprintf(text, sizeof text, "%s-wal", x->s.place.where);
        return file_has(x->s.place.where, needle) || file_has(text, needle);
    }
    for (size_t i = 0; i < needle.len; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%02x", (unsigned char)needle.ptr[i]);
    snprintf(text + at, sizeof text - at, "'::bytea IN data) > 0");
    return scene_number(&x->s, text) > 0;
}

/* Is any of this body there still? Pages cut it, so several places are looked for. */
static bool is_on_disk(struct fixture *x, size_t i)
{
    for (size_t at = 0; at + NEEDLE <= BODY_BYTES; at += 1500)
        if (is_stored(x, str_make(x->bodies[i].ptr + at, NEEDLE)))
            return true;
    return false;
}

static enum err read_body(struct fixture *x, size_t i)
{
    struct store_reader *fresh = store_reader_new(x->s.store);
    enum err err = scene_body(fresh, &x->ids[i], BODY_REQUEST, x->bodies[i]);
    store_reader_free(fresh);
    return err;
}

/* --- tests --- */

static void only_what_was_deleted_is_wiped(void **state)
{
    struct fixture *x = *state;
    add_block(x, 3);
    add_block(x, 3); /* in the same chain */
    add_block(x, 1);
    store_maintain(x->s.store);
    for (size_t i = 0; i < x->count; i++)
        assert_true(is_on_disk(x, i));
    delete_row(x, 1, ERASE_MARKS_EXACT);
    delete_row(x, 4, ERASE_MARKS_EXACT);
    scrub_all(x);
    for (size_t i = 0; i < x->count; i++) {
        bool is_gone = i == 1 || i == 4;
        assert_int_equal(read_body(x, i), is_gone ? ERR_NOT_FOUND : ERR_OK);
        assert_int_equal(is_on_disk(x, i), !is_gone);
    }
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM scrubs"), 0);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM blocks"), 3);
    assert_true(scene_number(&x->s, "SELECT stored_bytes FROM totals") < 6 * BODY_BYTES);
    assert_totals(&x->s);
}

/* Where nothing is left, the next process does not begin with numbers that were used. */
static void numbers_only_grow(void **state)
{
    struct fixture *x = *state;
    add_block(x, 2);
    add_block(x, 2);
    for (size_t i = 0; i < x->count; i++)
        delete_row(x, i, ERASE_MARKS_EXACT);
    scrub_all(x);
    assert_int_equal(scene_number(&x->s, "SELECT stored_bytes FROM totals"), 0);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM scrubs"), 0);
    assert_totals(&x->s);
    uint64_t next = store_next_block(x->s.store);
    if (place_is_postgres()) /* there they come from ranges */
        return;
    scrub_release(&x->scrub);
    scene_close(&x->s);
    scene_open(&x->s);
    assert_int_equal(store_next_block(x->s.store), next);
    scrub_init(&x->scrub, x->s.store, &(struct scrub_source){x, ask_fence, fence, oldest_block});
}

static void chains_that_nobody_needs_go(void **state)
{
    struct fixture *x = *state;
    for (int i = 0; i < 12; i++) {
        add_block(x, 2);
        chain_rest(&x->s.maker.chain);
    }
    struct stat before, after;
    store_maintain(x->s.store);
    if (!place_is_postgres())
        assert_int_equal(stat(x->s.place.where, &before), 0);
    for (size_t i = 0; i < 20; i++)
        delete_row(x, i, i % 2 ? ERASE_MARKS_EXACT : ERASE_MARKS_SPAN);
    scrub_all(x);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM blocks"), 2);
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM scrubs"), 0);
    assert_totals(&x->s);
    if (!place_is_postgres()) {
        assert_int_equal(stat(x->s.place.where, &after), 0);
        assert_true(after.st_size < before.st_size / 2); /* the disk got it back */
    }
    for (size_t i = 20; i < x->count; i++)
        assert_int_equal(read_body(x, i), ERR_OK);
    assert_int_equal(x->asked, 1);
    assert_int_equal(scrub_step(&x->scrub) > 0, true);
    assert_int_equal(x->scrub.phase, SCRUB_RESTS); /* nothing more to do */
}

/* What is not stored yet may need anything up to the fence. */
static void it_waits_for_what_is_under_way(void **state)
{
    struct fixture *x = *state;
    add_block(x, 2);
    delete_row(x, 0, ERASE_MARKS_EXACT);
    x->oldest = 1;
    scrub_until(x, SCRUB_WAITS);
    for (int i = 0; i < 5; i++)
        assert_true(scrub_step(&x->scrub) > 0);
    assert_int_equal(x->scrub.phase, SCRUB_WAITS);
    assert_int_equal(store_share_floor(x->s.store), x->fence); /* and nothing new comes to refer to it */
    x->oldest = x->fence;
    scrub_until(x, SCRUB_RESTS);
    store_maintain(x->s.store);
    assert_false(is_on_disk(x, 0));
    assert_int_equal(read_body(x, 1), ERR_OK);
}

static void what_is_deleted_meanwhile_is_wiped_too(void **state)
{
    struct fixture *x = *state;
    add_block(x, 4);
    delete_row(x, 0, ERASE_MARKS_EXACT);
    scrub_until(x, SCRUB_WRITES); /* who needs what has been asked already */
    delete_row(x, 1, ERASE_MARKS_EXACT);
    scrub_until(x, SCRUB_RESTS);
    store_maintain(x->s.store);
    assert_false(is_on_disk(x, 0));
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM scrubs"), 1);
    scrub_all(x);
    assert_false(is_on_disk(x, 1));
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM scrubs"), 0);
    assert_int_equal(read_body(x, 2), ERR_OK);
    assert_int_equal(read_body(x, 3), ERR_OK);
}

static void pieces_of_marked_chains_are_forgotten(void **state)
{
    struct fixture *x = *state;
    struct batch_maker *m = &x->s.maker;
    struct piece_at at;
    for (uint64_t i = 0; i < 2; i++) {
        m->pieces[m->batch.piece_count++] = (struct batch_piece){{i, i, 600}, {m->block, 0, 600}, 0};
        add_block(x, 1);
        chain_rest(&m->chain);
    }
    delete_row(x, 0, ERASE_MARKS_EXACT);
    scrub_all(x);
    assert_false(store_find_piece(x->s.store, &(struct piece_key){0, 0, 600}, &at));
    assert_true(store_find_piece(x->s.store, &(struct piece_key){1, 1, 600}, &at));
    assert_totals(&x->s);
}

static void titles_go_with_their_rows(void **state)
{
    struct fixture *x = *state;
    add_row(x, STR("a secret title that is nobody's business"));
    add_row(x, STR("a title that stays where it is"));
    scene_commit(&x->s);
    delete_row(x, 0, ERASE_MARKS_EXACT);
    scrub_all(x);
    bool are_swept = !place_is_postgres(); /* others may know them */
    assert_int_equal(scene_number(&x->s, "SELECT count(*) FROM names WHERE text LIKE '%title%'"),
                     are_swept ? 1 : 2);
    if (are_swept) {
        assert_false(file_has(x->s.place.where, STR("a secret title")));
        assert_true(file_has(x->s.place.where, STR("a title that stays")));
    }
    assert_true(scene_number(&x->s, "SELECT count(*) FROM names WHERE text = 'claude-opus-5'") == 1);
}

/* No page becomes free, and nothing is recorded after it: still it leaves the file, not only the log. */
static void a_title_leaves_the_file_of_a_proxy_that_rests(void **state)
{
    struct fixture *x = *state;
    struct record r = maker_record(base_us);
    for (int i = 0; i < 20; i++) {
        r.id = x->ids[0] = uuid_new();
        r.title = i < 19 ? STR("a title that stays where it is") : STR("a secret title");
        maker_add(&x->s.maker, &r, STR("{}"), STR("ok"));
    }
    scene_commit(&x->s);
    store_maintain(x->s.store);
    if (place_is_postgres())
        skip();
    assert_true(file_has(x->s.place.where, STR("a secret title")));
    delete_row(x, 0, ERASE_MARKS_EXACT);
    scrub_all(x);
    assert_false(file_has(x->s.place.where, STR("a secret title")));
    assert_true(file_has(x->s.place.where, STR("a title that stays")));
}

/* The earlier process had come as far as calling chains due. */
static void a_crash_only_interrupts_it(void **state)
{
    struct fixture *x = *state;
    add_block(x, 2);
    delete_row(x, 0, ERASE_MARKS_EXACT);
    scrub_until(x, SCRUB_PICKS);
    assert_int_equal(scene_number(&x->s, "SELECT is_due FROM scrubs"), 1);
    scrub_release(&x->scrub);
    scrub_init(&x->scrub, x->s.store, &(struct scrub_source){x, ask_fence, fence, oldest_block});
    scrub_all(x);
    assert_false(is_on_disk(x, 0));
    assert_int_equal(read_body(x, 1), ERR_OK);
}

/* On a database of many: what others refer to, perhaps not stored yet, is not known. */
static void it_begins_only_alone(void **state)
{
    struct fixture *x = *state;
    struct fail f = {0};
    char sql[160];
    if (!place_is_postgres())
        skip();
    add_block(x, 2);
    delete_row(x, 0, ERASE_MARKS_EXACT);
    snprintf(sql, sizeof sql, "INSERT INTO writers (first_block, node, taken_us) VALUES"
             " (1, 'node-two', %lld)", (long long)(clock_wall_us() - 39 * 24 * hour_us));
    assert_int_equal(database_run(&x->s.store->db, sql, &f), ERR_OK);
    for (int i = 0; i < 3; i++)
        assert_true(scrub_step(&x->scrub) > 0);
    assert_int_equal(x->scrub.phase, SCRUB_RESTS);
    assert_int_equal(database_run(&x->s.store->db, "DELETE FROM writers WHERE node = 'node-two'", &f),
                     ERR_OK);
    struct place same_name = x->s.place;
    struct store *other;
    assert_int_equal(store_open(&other, &same_name.options, &f), ERR_OK);
    assert_int_equal(store_share_floor(other), store_next_block(other)); /* it keeps off */
    assert_true(scrub_step(&x->scrub) > 0);
    assert_int_equal(x->scrub.phase, SCRUB_RESTS);
    store_close(other);
    scrub_all(x);
    assert_false(is_on_disk(x, 0));
    assert_int_equal(read_body(x, 1), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_setup(LOG_WARN, LOG_TEXT);
    const struct CMUnitTest tests[] = {
        TEST(only_what_was_deleted_is_wiped), TEST(chains_that_nobody_needs_go),
        TEST(it_waits_for_what_is_under_way), TEST(what_is_deleted_meanwhile_is_wiped_too),
        TEST(pieces_of_marked_chains_are_forgotten), TEST(titles_go_with_their_rows),
        TEST(a_title_leaves_the_file_of_a_proxy_that_rests), TEST(a_crash_only_interrupts_it), TEST(it_begins_only_alone),
        TEST(numbers_only_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
