/*
 * config_check.c — what values mean together, and defaults that depend on others.
 */
#include "config/config_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config_env.h"
#include "config/config_key.h"
#include "config/url.h"

#define COMPLAIN(p, kind, c, field, format, ...)                                                   \
    problems_add((p), (kind), "%s: %s: " format, (c)->sources[CONFIG_##field],                     \
                 config_keys[CONFIG_##field].path, ##__VA_ARGS__)

static void find_data_dir(struct config *c, struct problems *p)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = environment_home();
    if (*c->storage_data_dir)
        return;
    if (data && data[0] == '/')
        c->storage_data_dir = arena_printf(&c->arena, "%s/claude-code-proxy", data).ptr;
    else if (home)
        c->storage_data_dir =
            arena_printf(&c->arena, "%s/.local/share/claude-code-proxy", home).ptr;
    else
        COMPLAIN(p, PROBLEM_CONFIG, c, storage_data_dir,
                 "there is no home directory to put it in: set DATA_DIR");
}

static void find_db_path(struct config *c)
{
    if (!*c->storage_db_path)
        c->storage_db_path = arena_printf(&c->arena, "%s/requests.db", c->storage_data_dir).ptr;
}

/* Without a home there are none. */
static void find_transcripts(struct config *c)
{
    const char *claude = getenv("CLAUDE_CONFIG_DIR");
    const char *home = environment_home();
    if (*c->transcripts_dir)
        return;
    if (claude && claude[0] == '/')
        c->transcripts_dir = arena_printf(&c->arena, "%s/projects", claude).ptr;
    else if (home)
        c->transcripts_dir = arena_printf(&c->arena, "%s/.claude/projects", home).ptr;
}

static void find_agents(struct config *c)
{
    const char *claude = getenv("CLAUDE_CONFIG_DIR");
    const char *home = environment_home();
    if (*c->agents_claude_dir)
        return;
    if (claude && claude[0] == '/')
        c->agents_claude_dir = arena_str(&c->arena, str_of(claude)).ptr;
    else if (home)
        c->agents_claude_dir = arena_printf(&c->arena, "%s/.claude", home).ptr;
}

/* A name is not looked up: where it leads may change, and with it who can read what was recorded. */
static bool can_listen_at(const char *host)
{
    struct in6_addr any;
    return strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &any) == 1 ||
           inet_pton(AF_INET6, host, &any) == 1;
}

static void check_listener(const struct config *c, bool strange_file, struct problems *p)
{
    bool open = !host_is_loopback(str_of(c->server_host));
    if (!can_listen_at(c->server_host)) {
        COMPLAIN(p, PROBLEM_CONFIG, c, server_host, "must be an IP address or localhost, not \"%s\"",
                 c->server_host);
        return;
    }
    if (open)
        COMPLAIN(p, PROBLEM_WARNING, c, server_host,
                 "%s is no loopback address: whoever reaches it can use the proxy and read what "
                 "it recorded, for there is no authentication yet",
                 c->server_host);
    if (strange_file)
        problems_add(p, open ? PROBLEM_CONFIG : PROBLEM_WARNING,
                     "%s: another user owns it or could write to it", c->file);
}

static bool is_ours(const struct config *c, const struct url *u)
{
    struct str listen = str_of(c->server_host);
    struct url own;
    if (!url_parse(&own, str_of(c->server_public_url), NULL) &&
        str_equal_nocase(own.host, u->host) && own.port == u->port)
        return true;
    if (c->server_port != u->port)
        return false;
    return str_equal_nocase(listen, u->host) ||
           (host_is_loopback(u->host) && (host_is_loopback(listen) || host_is_any(listen)));
}

static void check_provider(const struct config *c, struct problems *p)
{
    struct url u;
    if (url_parse(&u, str_of(c->anthropic_base_url), NULL))
        return; /* already complained of */
    if (is_ours(c, &u))
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_base_url, "is this proxy's own address");
    if (u.tls || host_is_loopback(u.host))
        return;
    if (c->anthropic_allow_plaintext)
        COMPLAIN(p, PROBLEM_WARNING, c, anthropic_base_url,
                 "keys and prompts cross the network readable (http)");
    else
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_base_url,
                 "http:// would send keys readable over the network: use https://, or set "
                 "providers.anthropic.allow_plaintext: true");
}

static void check_ca_file(const struct config *c, struct problems *p)
{
    if (*c->anthropic_ca_file && access(c->anthropic_ca_file, R_OK))
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_ca_file, "%s", strerror(errno));
}

/* A token goes to one host, and never readable over the network. */
static void check_oauth(const struct config *c, struct problems *p)
{
    struct url to, endpoint;
    if (!c->anthropic_oauth_enabled || url_parse(&to, str_of(c->anthropic_base_url), NULL) ||
        url_parse(&endpoint, str_of(c->anthropic_oauth_endpoint), NULL))
        return;
    if (!*c->anthropic_oauth_token && !*c->anthropic_oauth_token_file)
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_oauth_enabled,
                 "there is no token: set CLAUDE_CODE_OAUTH_TOKEN or "
                 "providers.anthropic.oauth.token_file");
    if (!to.tls && !host_is_loopback(to.host))
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_oauth_enabled,
                 "your token would cross the network readable: providers.anthropic.base_url must be "
                 "https:// or loopback");
    if (!endpoint.tls && !host_is_loopback(endpoint.host))
        COMPLAIN(p, PROBLEM_CONFIG, c, anthropic_oauth_endpoint, "must be https:// or loopback");
    if (!host_is_loopback(str_of(c->server_host)))
        COMPLAIN(p, PROBLEM_WARNING, c, anthropic_oauth_enabled,
                 "whoever reaches %s uses your Claude account", c->server_host);
}

static void check_database(const struct config *c, struct problems *p)
{
    struct str url = str_of(c->storage_database_url);
    if (c->storage_type != STORAGE_POSTGRES)
        return;
    if (!url.len)
        COMPLAIN(p, PROBLEM_CONFIG, c, storage_database_url,
                 "storage.type is postgres: the database's URL must be given");
    else if (!str_starts(url, STR("postgres://")) && !str_starts(url, STR("postgresql://")) &&
             str_find(url, '=') == url.len)
        COMPLAIN(p, PROBLEM_CONFIG, c, storage_database_url,
                 "must begin with postgres://, or be libpq's host=... dbname=...");
}

static void check_routing(struct config *c, struct problems *p)
{
    if (c->routing_agent_routing && c->routing_model_routing)
        COMPLAIN(p, PROBLEM_CONFIG, c, routing_model_routing,
                 "not together with routing.agent_routing (%s): only one of them can be true",
                 c->sources[CONFIG_routing_agent_routing]);
    for (size_t i = 0; i < c->subagents_mappings.count; i++) { /* those of the environment count */
        const char *source = c->subagents_mappings.entries[i].source;
        if (source != c->sources[CONFIG_subagents_mappings] || c->subagents_enable)
            continue;
        c->subagents_enable = true;
        c->sources[CONFIG_subagents_enable] = source;
    }
    if (c->subagents_mappings.count && !c->subagents_enable && !c->routing_agent_routing &&
        !strcmp(c->sources[CONFIG_subagents_enable], "default"))
        COMPLAIN(p, PROBLEM_WARNING, c, subagents_mappings,
                 "does nothing as long as subagents.enable is not true");
    for (size_t i = 0; i < c->routing_rules.count; i++)
        if (!*c->routing_rules.items[i].target)
            problems_add(p, PROBLEM_CONFIG, "%s: routing.rules: rule %zu has no target",
                         c->routing_rules.items[i].source, i + 1);
}

void config_check(struct config *c, bool strange_file, struct problems *p)
{
    find_data_dir(c, p);
    find_transcripts(c);
    find_agents(c);
    find_db_path(c);
    check_listener(c, strange_file, p);
    check_provider(c, p);
    check_ca_file(c, p);
    check_oauth(c, p);
    check_database(c, p);
    check_routing(c, p);
}
