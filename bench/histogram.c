/*
 * histogram.c — see histogram.h. The bucket of a value is its highest bit and the six bits
 * below it; reading gives a bucket's upper edge, so that no quantile is flattered.
 */
#include "histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned top;

    if (ns < (1u << HISTOGRAM_SUB_BITS))
        return (unsigned)ns;
    top = 63 - (unsigned)__builtin_clzll(ns);
    if (top >= 40)
        return HISTOGRAM_BUCKETS - 1;
    return ((top - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS) +
           (unsigned)((ns >> (top - HISTOGRAM_SUB_BITS)) & ((1u << HISTOGRAM_SUB_BITS) - 1));
}

static uint64_t bucket_edge(unsigned bucket)
{
    unsigned row = bucket >> HISTOGRAM_SUB_BITS;
    uint64_t sub = bucket & ((1u << HISTOGRAM_SUB_BITS) - 1);

    if (row == 0)
        return sub;
    return (((1u << HISTOGRAM_SUB_BITS) + sub + 1) << (row - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->buckets[bucket_of(ns)]++;
    h->count++;
    h->sum_ns += (double)ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->count * share + 0.5), seen = 0;

    if (h->count == 0)
        return 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return bucket_edge(i) < h->max_ns ? bucket_edge(i) : h->max_ns;
    }
    return h->max_ns;
}

void histogram_print(const struct histogram *h, FILE *out)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

    fprintf(out, "{\"count\":%llu", (unsigned long long)h->count);
    for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        fprintf(out, ",\"%s\":%.1f", points[i].name,
                (double)histogram_at(h, points[i].share) / 1e3);
    fprintf(out, ",\"max\":%.1f,\"mean\":%.1f}", (double)h->max_ns / 1e3,
            h->count ? h->sum_ns / (double)h->count / 1e3 : 0.0);
}
