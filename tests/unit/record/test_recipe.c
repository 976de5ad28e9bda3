/*
 * test_recipe.c — bodies come back from recipes byte for byte, over every overlap of a parent's
 * beginning and end, over chains of parents, and damaged recipes are refused.
 */
#include "check.h"

#include "record/recipe.h"

/* One block of bytes that everything is stored in. */
static struct buf block;

static struct piece_at store(struct str bytes)
{
    struct piece_at at = {3, (uint32_t)block.len, (uint32_t)bytes.len};
    assert_int_equal(buf_append(&block, bytes), ERR_OK);
    return at;
}

static enum err load(void *owner, struct piece_at at, struct buf *out)
{
    (void)owner;
    if (at.block != 3 || (uint64_t)at.offset + at.len > block.len)
        return ERR_CORRUPT;
    return buf_append(out, str_make(block.ptr + at.offset, at.len));
}

static void assert_makes(struct piece_at at, struct str want)
{
    struct recipe whole;
    recipe_init(&whole);
    assert_int_equal(recipe_read(at, load, NULL, &whole), ERR_OK);
    struct buf got;
    buf_init(&got, 1 << 20);
    for (size_t i = 0; i < whole.count; i++)
        assert_int_equal(load(NULL, whole.list[i], &got), ERR_OK);
    assert_int_equal(whole.bytes, want.len);
    assert_str_equal(buf_str(&got), want);
    buf_release(&got);
    recipe_release(&whole);
}

static struct piece_at store_whole(struct str body)
{
    struct recipe r;
    recipe_init(&r);
    struct buf bytes;
    buf_init(&bytes, 1 << 16);
    struct str halves[] = {str_head(body, body.len / 2), str_from(body, body.len / 2)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(recipe_add(&r, store(halves[i])), ERR_OK);
        store(STR("gap"));
    }
    assert_int_equal(recipe_write(&bytes, 3, &r), ERR_OK);
    struct piece_at at = store(buf_str(&bytes));
    recipe_release(&r);
    buf_release(&bytes);
    return at;
}

static struct piece_at store_child(struct recipe_child child, struct str middle)
{
    struct recipe r;
    recipe_init(&r);
    struct buf bytes;
    buf_init(&bytes, 1 << 16);
    assert_int_equal(recipe_add(&r, store(middle)), ERR_OK);
    child.middle = &r;
    assert_int_equal(recipe_write_child(&bytes, 3, &child), ERR_OK);
    struct piece_at at = store(buf_str(&bytes));
    recipe_release(&r);
    buf_release(&bytes);
    return at;
}

static void every_overlap(void **state)
{
    (void)state;
    buf_clear(&block);
    struct str parent = STR("The quick brown fox jumps over the lazy dog");
    struct piece_at at = store_whole(parent);
    assert_makes(at, parent);
    struct buf want;
    buf_init(&want, 1 << 16);
    for (size_t prefix = 0; prefix <= parent.len; prefix++)
        for (size_t suffix = 0; suffix <= parent.len; suffix++) {
            struct str middle = str_head(STR("NEW"), (prefix + suffix) % 4);
            struct recipe_child child = {.parent = at, .depth = 1,
                                         .before = {{0, prefix}}, .before_count = 1,
                                         .after = {parent.len - suffix, suffix}};
            buf_clear(&want);
            assert_int_equal(buf_append(&want, str_head(parent, prefix)), ERR_OK);
            assert_int_equal(buf_append(&want, middle), ERR_OK);
            assert_int_equal(buf_append(&want, str_from(parent, parent.len - suffix)), ERR_OK);
            assert_makes(store_child(child, middle), buf_str(&want));
        }
    buf_release(&want);
}

static void chains_as_long_as_allowed(void **state)
{
    (void)state;
    buf_clear(&block);
    struct piece_at at = store_whole(STR("{}"));
    struct buf want;
    buf_init(&want, 1 << 16);
    assert_int_equal(buf_append(&want, STR("{}")), ERR_OK);
    for (uint32_t depth = 1; depth <= RECIPE_DEPTH_MAX; depth++) {
        struct recipe_child child = {.parent = at, .depth = depth,
                                     .before = {{0, want.len - 1}}, .before_count = 1,
                                     .after = {want.len - 1, 1}};
        at = store_child(child, STR("[turn]"));
        want.len--;
        assert_int_equal(buf_append(&want, STR("[turn]}")), ERR_OK);
        assert_makes(at, buf_str(&want));
    }
    buf_release(&want);
}

static void damage_is_refused(void **state)
{
    (void)state;
    buf_clear(&block);
    struct piece_at parent = store_whole(STR("0123456789"));
    struct recipe_child child = {.parent = parent, .depth = 1, .before = {{0, 4}},
                                 .before_count = 1, .after = {9, 1}};
    struct piece_at at = store_child(child, STR("x"));
    struct recipe whole;
    recipe_init(&whole);
    child.after.len = 2; /* more than the parent has */
    assert_int_equal(recipe_read(store_child(child, STR("x")), load, NULL, &whole), ERR_CORRUPT);
    child.after.len = 1;
    child.parent = (struct piece_at){3, (uint32_t)block.len + 1, 0}; /* its own parent */
    assert_int_equal(recipe_read(store_child(child, STR("x")), load, NULL, &whole), ERR_CORRUPT);
    for (uint32_t i = 0; i < at.len; i++)
        for (int bit = 0; bit < 8; bit++) { /* must end, and stay inside its memory */
            block.ptr[at.offset + i] = (char)(block.ptr[at.offset + i] ^ (1 << bit));
            recipe_clear(&whole);
            if (recipe_read(at, load, NULL, &whole) == ERR_OK)
                assert_true(whole.count < 16);
            block.ptr[at.offset + i] = (char)(block.ptr[at.offset + i] ^ (1 << bit));
        }
    recipe_release(&whole);
}

static void neighbours_are_joined(void **state)
{
    (void)state;
    struct recipe r;
    recipe_init(&r);
    assert_int_equal(recipe_add(&r, (struct piece_at){1, 0, 10}), ERR_OK);
    assert_int_equal(recipe_add(&r, (struct piece_at){1, 10, 5}), ERR_OK);
    assert_int_equal(recipe_add(&r, (struct piece_at){2, 15, 5}), ERR_OK);
    assert_int_equal(recipe_add(&r, (struct piece_at){2, 21, 5}), ERR_OK);
    assert_int_equal(r.count, 3);
    assert_int_equal(r.bytes, 25);
    recipe_release(&r);
}

int main(void)
{
    buf_init(&block, 1 << 24);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_overlap),
        cmocka_unit_test(chains_as_long_as_allowed),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(neighbours_are_joined),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&block);
    return failed;
}
