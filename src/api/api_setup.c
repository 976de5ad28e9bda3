/*
 * api_setup.c — what the set-up page shows: the variables that connect a client, and every
 * configuration key with its value and where that came from.
 */
#include "api/api_setup.h"

#include "api/api_reply.h"
#include "config/config_diff.h"
#include "config/config_value.h"
#include "config/connect_lines.h"

static void put_variables(yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "variables");
    for (size_t i = 0; i < CONNECT_VARIABLES; i++) {
        yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, obj, "name", connect_variables[i].name);
        yyjson_mut_obj_add_str(doc, obj, "value", connect_variables[i].value);
        yyjson_mut_obj_add_str(doc, obj, "restores", connect_variables[i].restores);
    }
}

static void put_key(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct config *cfg, size_t i,
                    struct arena *arena)
{
    const struct config_key *k = &config_keys[i];
    yyjson_mut_val *obj = yyjson_mut_arr_add_obj(doc, list);
    yyjson_mut_obj_add_str(doc, obj, "name", k->path);
    struct buf value;
    buf_init(&value, CONFIG_PRINT_MAX);
    if (value_print(k, cfg, &value))
        yyjson_mut_obj_add_null(doc, obj, "value"); /* longer than any text may be */
    else
        json_put_text(doc, obj, "value", arena_str(arena, buf_str(&value)));
    buf_release(&value);
    json_put_text(doc, obj, "source", str_of(cfg->sources[i]));
    yyjson_mut_obj_add_str(doc, obj, "default", k->fallback);
    yyjson_mut_obj_add_str(doc, obj, "what", k->what);
}

static void put_reading(yyjson_mut_doc *doc, yyjson_mut_val *root,
                        const struct api_configuration *now)
{
    if (now->loaded_us)
        json_put_time(doc, root, "loaded_at", now->loaded_us);
    else
        yyjson_mut_obj_add_null(doc, root, "loaded_at");
    json_put_text_or_null(doc, root, "reload_error", now->error);
}

static void put_oauth(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct api_configuration *now)
{
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(doc, root, "oauth");
    yyjson_mut_obj_add_bool(doc, obj, "enabled", now->oauth != OAUTH_OFF);
    yyjson_mut_obj_add_str(doc, obj, "state", oauth_state_name(now->oauth));
    if (now->oauth_expires_ms)
        json_put_time(doc, obj, "expires_at", now->oauth_expires_ms * 1000);
    else
        yyjson_mut_obj_add_null(doc, obj, "expires_at");
    json_put_text_or_null(doc, obj, "note", now->oauth == OAUTH_OFF ? STR_NONE : STR(OAUTH_TERMS));
}

void setup_answer(struct call *c, const struct api_options *to)
{
    const struct config *cfg = to->config;
    struct api_configuration now = {.config = NULL};
    if (to->configuration)
        to->configuration(to->owner, call_arena(c), &now);
    yyjson_mut_doc *doc = json_doc_new();
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_put_text(doc, root, "version", str_of(to->version));
    json_put_text_or_null(doc, root, "public_url", str_of(cfg->server_public_url));
    put_variables(doc, root);
    json_put_text_or_null(doc, root, "config_file", str_of(cfg->file ? cfg->file : ""));
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "config");
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        bool has_changed = now.config && key_is_live(&config_keys[i]);
        put_key(doc, list, has_changed ? now.config : cfg, i, call_arena(c));
    }
    put_reading(doc, root, &now);
    put_oauth(doc, root, &now);
    config_free(now.config);
    api_reply_json(c, 200, doc);
}
